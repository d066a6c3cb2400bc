"""The gradients of a whole batch, of which each process has its share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from losses.flat_gradients import Pieces
from utils.ranks import Ranks


def sum_grad(parameters: Sequence[nn.Parameter], ranks: Ranks) -> None:
    """Makes every `.grad` the sum over all processes, the same on each. A parameter that no process
    has a gradient of keeps None; one that only some have a gradient of counts as zeros on the
    others."""
    used = any_process([parameter.grad is not None for parameter in parameters], ranks)
    reached = [p for p, is_used in zip(parameters, used, strict=True) if is_used]
    for parameter in reached:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    ranks.sum_gradients([parameter.grad for parameter in reached])


def summed_slices(rows: Sequence[Pieces], ranks: Ranks) -> Sequence[Pieces]:
    """The sums of T tasks' gradients over all processes, of which each has a slice.

    Args:
        rows: of each task one piece, or any number of them with a single process, whose slice is
            all of it.
    """
    if ranks.size == 1:
        return rows
    return [[part] for part in ranks.slices([row for [row] in rows])]


def any_process(flags: Sequence[bool], ranks: Ranks) -> list[bool]:
    """Whether each flag is set on any process."""
    return [count > 0 for count in ranks.sum_numbers(flags)]
