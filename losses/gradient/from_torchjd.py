"""Any aggregator of TorchJD as a gradient rule, when that package is installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from losses.gradient.base import Rule
from losses.gradient.gramian import Unsolved
from losses.options import Option, nearest
from utils.errors import ConfigError

TORCHJD = "torchjd:"
"""What the name of such a rule starts with."""

_NUMBERS = {"int": int, "float": float, int: int, float: float}


def torchjd_rule(name: str) -> type[Rule]:
    """The aggregator `name` of TorchJD as a rule. Its options are the numbers among the arguments
    of its constructor; the others keep their defaults.

    Raises:
        ConfigError: TorchJD is not installed, or has no such aggregator.
    """
    known = _aggregators()
    if name not in known:
        raise ConfigError(
            f"gradient = {TORCHJD}{name}: no such aggregator{nearest(name, sorted(known))}"
        )
    from torchjd.aggregation import GramianWeightedAggregator

    kind = known[name]
    elementwise = not issubclass(kind, GramianWeightedAggregator)
    members = {"kind": kind, "elementwise": elementwise, "options": _options(kind)}
    return type(name, (TorchJDRule,), members)


class TorchJDRule(Rule):
    """A rule that asks an aggregator: for weights from the Gramian where it has such, else for the
    update from the matrix of all gradients.

    What an aggregator draws comes from the objective's generator. What it remembers is not part of
    the objective's state, so after a resume it begins anew; it is kept apart for batches with
    different numbers of tasks.

    Raises:
        ConfigError: an argument without a default is not given, or TorchJD wants another package.
    """

    kind: ClassVar[Callable[..., Any]]
    joined = True

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        missing = [key for key, value in options.items() if value is None]
        if missing:
            raise ConfigError(f"{missing[0]}: {TORCHJD}{type(self).__name__} has no default for it")
        self._aggregators: dict[int, Any] = {}
        self._aggregator(len(self.tasks))

    def weights(self, gramian, present, losses):
        aggregator = self._aggregator(len(present))
        try:
            return self._drawing(aggregator.gramian_weighting, gramian.double())
        except (ArithmeticError, RuntimeError, ValueError) as error:
            raise Unsolved(str(error).splitlines()[0]) from error

    def combine(self, gradients: Sequence[Tensor]) -> Tensor:
        return self._drawing(self._aggregator(len(gradients)), torch.stack(list(gradients)))

    def _aggregator(self, size: int):
        if size not in self._aggregators:
            counted = {"n_tasks": size} if "n_tasks" in _arguments(self.kind) else {}
            try:
                self._aggregators[size] = type(self).kind(**counted, **self.values)
            except (ImportError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise ConfigError(f"gradient = {TORCHJD}{type(self).__name__}: {reason}") from error
        return self._aggregators[size]

    def _drawing(self, function, tensor):
        """Calls a function that draws from PyTorch's own generators."""
        seed = torch.randint(2**62, (), generator=self.generator).item()
        with torch.random.fork_rng([tensor.device] if tensor.is_cuda else []):
            torch.manual_seed(seed)
            return function(tensor)


def _aggregators() -> dict[str, type]:
    """The aggregators of TorchJD that can be made from numbers."""
    try:
        from torchjd import aggregation
    except ImportError as error:
        raise ConfigError(
            f"gradient = {TORCHJD}…: TorchJD is not installed; pip install torchjd"
        ) from error
    known = {}
    for name in aggregation.__all__:
        kind = getattr(aggregation, name)
        if issubclass(kind, aggregation.Aggregator) and not inspect.isabstract(kind):
            needed = [a for a in _arguments(kind).values() if a.default is a.empty]
            if all(a.annotation in _NUMBERS for a in needed):
                known[name] = kind
    return known


def _arguments(kind: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(kind).parameters)


def _options(kind: Callable[..., Any]) -> dict[str, Option]:
    return {
        name: Option(
            _NUMBERS[argument.annotation],
            None if argument.default is argument.empty else argument.default,
            f"the {name} of TorchJD's {kind.__name__}",
        )
        for name, argument in _arguments(kind).items()
        if argument.annotation in _NUMBERS and name != "n_tasks"
    }
