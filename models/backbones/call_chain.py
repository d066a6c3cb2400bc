"""The modules that a network calls one after another, each on what the one before returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(eq=False)
class Call:
    """A call of a module.

    Attributes:
        name: of the module in its network.
        module: which was called.
        inputs: all that it was given but for None and False, by name or by position.
        output: what it returned; None while it runs.
        end: how many calls had begun when it returned: those of modules within it are before.
        versions: of the first input when it was called, and of the output when it was returned: a
            tensor that is changed in place gets another.
    """

    name: str
    module: nn.Module
    inputs: dict[Any, Any]
    output: Any = None
    end: int = 0
    versions: tuple[int, int] = (0, 0)

    def reads(self, x: Tensor, constants: Mapping[Any, Tensor]) -> bool:
        """Whether the module was given a tensor, and beside it nothing but constants."""
        others = {key: value for key, value in self.inputs.items() if key != 0}
        return self.inputs.get(0) is x and all(constants.get(k) is v for k, v in others.items())


@contextmanager
def recorded_calls(network: nn.Module) -> Iterator[list[Call]]:
    """While the context lasts, the list gets the calls of all modules within a network, in the
    order in which they begin."""
    calls: list[Call] = []
    running: list[Call] = []

    def before(name: str) -> Callable:
        def begin(module: nn.Module, args: tuple, kwargs: dict) -> None:
            every = {**dict(enumerate(args)), **kwargs}
            inputs = {k: v for k, v in every.items() if v is not None and v is not False}
            call = Call(name, module, inputs, versions=(_version(inputs.get(0)), 0))
            calls.append(call)
            running.append(call)

        return begin

    def after(module: nn.Module, args: tuple, output: Any) -> None:
        call = running.pop()
        call.output, call.end = output, len(calls)
        call.versions = call.versions[0], _version(output)

    handles = []
    for name, module in network.named_modules():
        if name:
            handles.append(module.register_forward_pre_hook(before(name), with_kwargs=True))
            handles.append(module.register_forward_hook(after))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def chain(
    calls: Sequence[Call],
    x: Tensor,
    constants: Mapping[Any, Tensor],
    start: int = 0,
    stop: int | None = None,
) -> list[Call]:
    """The outermost calls that lead on from a tensor, as far as each reads what the one before
    returned, unchanged, and nothing beside it but constants.

    Args:
        calls: those of :func:`recorded_calls`.
        x: what the first one reads.
        constants: the other inputs that are allowed, by their names.
        start, stop: which of the calls to look at.
    """
    found: list[Call] = []
    version = x._version
    while True:
        call = next((c for c in calls[start:stop] if c.reads(x, constants)), None)
        if call is None or not isinstance(call.output, Tensor) or call.versions[0] != version:
            return found
        found.append(call)
        x, version, start = call.output, call.versions[1], call.end


def calls_within(calls: Sequence[Call], outer: Call, constants: Mapping[Any, Tensor]) -> list[Call]:
    """The calls one after another that are all that a call does; none where it does more."""
    start = calls.index(outer) + 1
    inner = chain(calls, outer.inputs[0], constants, start, outer.end)
    return inner if inner and inner[-1].output is outer.output else []


def _version(value: Any) -> int:
    return value._version if isinstance(value, Tensor) else 0
