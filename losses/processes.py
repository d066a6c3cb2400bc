"""What an objective asks of the processes that share a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from losses.flat_gradients import Pieces


class Processes:
    """A single process. Several are an object with the same methods, which sum over all of them;
    see `engine.training.ranks`, where each method is described."""

    size = 1

    def sum(self, tensor: Tensor) -> Tensor:
        return tensor

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        pass

    def slices(self, rows: Sequence[Tensor]) -> Sequence[Tensor]:
        return rows

    def columns(self, length: int) -> range:
        return range(length)

    def joined(self, part: Tensor, length: int) -> Tensor:
        return part


def sum_grad(parameters: Sequence[nn.Parameter], ranks: Processes) -> None:
    """Makes every `.grad` the sum over all processes, the same on each. A parameter that no process
    has a gradient of keeps None; one that only some have a gradient of counts as zeros on the
    others."""
    used = any_process([parameter.grad is not None for parameter in parameters], ranks)
    reached = [p for p, is_used in zip(parameters, used, strict=True) if is_used]
    for parameter in reached:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    ranks.sum_gradients([parameter.grad for parameter in reached])


def summed_slices(rows: Sequence[Pieces], ranks: Processes) -> Sequence[Pieces]:
    """The sums of T tasks' gradients over all processes, of which each has a slice.

    Args:
        rows: of each task one piece, or any number of them with a single process, whose slice is
            all of it.
    """
    if ranks.size == 1:
        return rows
    return [[part] for part in ranks.slices([row for [row] in rows])]


def any_process(flags: Sequence[bool], ranks: Processes) -> list[bool]:
    """Whether each flag is set on any process. The flags are on the CPU, so that no device is
    waited for."""
    return ranks.sum(torch.tensor(flags, dtype=torch.int32)).bool().tolist()
