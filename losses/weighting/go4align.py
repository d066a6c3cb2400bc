"""Tasks in groups, each with one weight, from how large their losses have been."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.mean import SMALLEST_LOSS
from losses.weighting.base import Weighting
from utils.option import option
from utils.transfer import tensor_on


class GO4Align(Weighting):
    """p_t ← p_t exp(-η L_t) / Σ_s p_s exp(-η L_s), and u_t = p_t Σ_s L_s / L_t brings the losses to
    one scale; the u are clustered in G groups, and w_t is the mean u of the task's group (Shen et
    al., NeurIPS 2024, eq. 5 to 8). With equal losses every weight is 1. One group, the published
    default, gives all tasks the same weight; a group a task, the u themselves.

    The clusters are the best ones there are, found on the device by dynamic programming. Of the
    tasks that take part the p keep what they had in sum, and only their losses count.

        >>> import torch
        >>> from losses import build
        >>> weighting = build("go4align", ["a", "b", "c"], options={"groups": 2}).weighting
        >>> weighting.weights([0, 1, 2], torch.tensor([1.0, 1.1, 4.0]))
        tensor([1.9411, 1.9411, 0.5082])
    """

    groups: int = option(2, "G, how many groups of tasks have a weight each", at_least=1)
    risk_step: float = option(1e-4, "η, how fast tasks with large losses lose weight", at_least=0)
    needs_losses = True
    total = "tasks"
    checked = "the best of all partitions"
    state = ("risks", "last")

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.risks: Tensor = torch.ones(len(self.tasks), dtype=torch.float64)  # T p
        self.last: Tensor = torch.tensor(self.equal(), dtype=torch.float64)

    def weights(self, active, losses):
        at = tensor_on(losses.device, active)
        self.risks, self.last = self.risks.to(losses.device), self.last.to(losses.device)
        before = self.risks.index_select(0, at)
        values = losses.double().clamp(min=SMALLEST_LOSS)
        risks = (before.log() - self.risk_step * values).softmax(dim=0) * before.sum()
        risks = torch.where(risks.isfinite().all(), risks, before)  # an overflow
        indicators = risks * (values.mean() / values) * (self.sum / len(self.tasks))
        weights = group_means(indicators, min(self.groups, len(active)))
        self.risks = self.risks.index_copy(0, at, risks)
        self.last = self.last.index_copy(0, at, weights)
        return weights.to(losses.dtype)

    def current(self):
        return self.last.tolist()


def group_means(values: Tensor, groups: int) -> Tensor:
    """(n) the mean of each value's group, for the partition of numbers into at most so many groups
    with the smallest sum of squared distances to the groups' means.

    In sorted order the groups are intervals. best[g][j] is the smallest sum of the first j values
    in g groups. Nothing is asked of the device.
    """
    order = values.argsort()
    ordered, size = values[order], len(values)
    costs = interval_costs(ordered)
    best, starts = costs[0], []  # of one group: up to and with value j
    for _ in range(groups - 1):
        # The last group begins at i, from 1; before it lie the best ones of values up to i - 1.
        totals = best[:-1].unsqueeze(1) + costs[1:]
        smallest, where = totals.min(dim=0)
        starts.append(torch.where(smallest < best, where + 1, 0))
        best = torch.minimum(smallest, best)
    last = torch.full((1,), size - 1, device=values.device)
    positions = torch.arange(size, device=values.device)
    labels = torch.zeros_like(positions)
    for start in reversed(starts):
        begin = start.gather(0, last)
        labels = labels + (positions >= begin) * (begin > 0)
        last = torch.where(begin > 0, begin - 1, last)
    same = (labels.unsqueeze(0) == labels.unsqueeze(1)).to(values.dtype)
    means = same @ ordered / same.sum(dim=1)
    return torch.zeros_like(values).index_copy(0, order, means)


def interval_costs(ordered: Tensor) -> Tensor:
    """(n, n) the sum of squared distances to the mean of the values i to j; infinite for j < i."""
    zero = ordered.new_zeros(1)
    centred = ordered - ordered.mean()
    sums = torch.cat([zero, centred.cumsum(0)])
    squares = torch.cat([zero, centred.square().cumsum(0)])
    size = torch.arange(len(ordered), device=ordered.device)
    count = (size.unsqueeze(0) - size.unsqueeze(1) + 1).to(ordered.dtype)
    total = sums[1:].unsqueeze(0) - sums[:-1].unsqueeze(1)
    square = squares[1:].unsqueeze(0) - squares[:-1].unsqueeze(1)
    costs = (square - total.square() / count.clamp(min=1)).clamp(min=0)
    return torch.where(count > 0, costs, torch.inf)
