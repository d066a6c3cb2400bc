"""Any aggregator of TorchJD as a gradient rule, when that package is installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved
from utils.errors import ConfigError
from utils.option import Option, nearest, option

TORCHJD = "torchjd:"
"""What the name of such a rule starts with."""

_NUMBERS = {"int": int, "float": float, int: int, float: float}


def torchjd_aggregator(name: str) -> type[Aggregator]:
    """The aggregator of a name such as `torchjd:UPGrad` as a rule of ours. Its options are the
    numbers among the arguments of its constructor; the others keep their defaults.

    Raises:
        ConfigError: TorchJD is not installed, or has no such aggregator.
    """
    name = name.removeprefix(TORCHJD)
    known = _aggregators()
    if name not in known:
        hint = nearest(name, sorted(known))
        raise ConfigError(f"TorchJD has no aggregator '{name}'{hint}", "gradient")
    from torchjd.aggregation import GramianWeightedAggregator

    kind = known[name]
    types = {name: argument.annotation for name, argument in _numbers(kind).items()}
    members = {
        "kind": kind,
        "whole": not issubclass(kind, GramianWeightedAggregator),
        "__annotations__": types,
    }
    return type(name, (TorchJDAggregator,), members | _options(kind))


class TorchJDAggregator(Aggregator):
    """A rule that asks an aggregator: for weights from the Gramian where it has such, else for the
    update from the matrix of all gradients, which every process then has whole.

    What an aggregator draws comes from the objective's generator. What it remembers is kept apart
    for batches with different numbers of tasks. It is not part of the objective's state, since
    TorchJD keeps it in private attributes of many kinds: it begins anew after a resume, and stays
    when a step is undone.

    Raises:
        ConfigError: an argument without a default is not given, or TorchJD wants another package.
    """

    kind: ClassVar[Callable[..., Any]]
    checked = "TorchJD itself"

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        for name, value in self.settings.items():
            if value is None:
                raise ConfigError(f"{type(self).__name__} of TorchJD needs {name}", "gradient")
        self._aggregators: dict[int, Any] = {}
        self._aggregator(len(self.tasks))

    def weights(self, gramian, active, losses):
        aggregator = self._aggregator(len(active))
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
                self._aggregators[size] = type(self).kind(**counted, **self.settings)
            except (ImportError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise ConfigError(
                    f"{type(self).__name__} of TorchJD: {reason}", "gradient"
                ) from error
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
        raise ConfigError("TorchJD is not installed: pip install torchjd", "gradient") from error
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


def _numbers(kind: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The arguments of an aggregator that are numbers, but for the number of tasks."""
    return {
        name: argument
        for name, argument in _arguments(kind).items()
        if argument.annotation in _NUMBERS and name != "n_tasks"
    }


def _options(kind: Callable[..., Any]) -> dict[str, Option]:
    return {
        name: option(
            None if argument.default is argument.empty else argument.default,
            f"the {name} of TorchJD's {kind.__name__}",
        )
        for name, argument in _numbers(kind).items()
    }
