"""Weights of the losses that follow how far each task still is from its best."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from utils.option import option


class ExcessMTL(Aggregator):
    """w ← w exp(η e), scaled to the sum T, with the excess risks e_t = g_tᵀ H_t⁻¹ g_t over those of
    the task's first step; H_t = diag √(S_t + 1e-7) and S_t the sum of the g_t² so far, element by
    element (He et al., ICML 2024, eq. 6 to 9). A task that its noise keeps from falling has no
    excess, and no weight.

    The w are weights of the losses, so the heads get them too; they count in the step that they are
    computed in. Of the tasks that take part they keep what they had in sum. A task whose first
    gradients are zero has no excess until it has others.

        >>> from losses import build
        >>> objective = build("excess-mtl", ["depth", "normal"], options={"weight_lr": 1.0})
        >>> rule = objective.aggregation.rule
        >>> for rows in (torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 0.1]])):
        ...     _ = rule.track(list(rows), rows.norm(dim=1), [0, 1], None)
        >>> rule.current
        tensor([1.3351, 0.6649], dtype=torch.float64)
    """

    weight_lr: float = option(0.01, "η, how fast the weights follow the excess risks", above=0)
    weighs_heads = True
    moves_slowly = "it moves its weights in every step"
    checked = "TorchJD, from the second step on"
    state = ("current", "first", "squares")

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        size = len(self.tasks)
        self.current: Tensor = torch.ones(size, dtype=torch.float64)
        self.first: Tensor = torch.zeros(size, dtype=torch.float64)
        self.squares: list[Tensor | None] = [None] * size

    @classmethod
    def remembers(cls, values):
        return "T sums of squares"

    def track(self, rows, norms, active, losses):
        excess = torch.stack([self._excess(t, row) for t, row in zip(active, rows, strict=True)])
        excess, at = excess.to("cpu"), torch.tensor(active)
        first = self.first[at]
        first = torch.where(first > 0, first, excess)
        self.first = self.first.index_copy(0, at, first)
        ratio = torch.where(first > 0, excess / first.clamp(min=1e-300), 0.0)
        used = self.current[at]
        moved = (used.log() + self.weight_lr * ratio).softmax(dim=0) * used.sum()
        self.current = self.current.index_copy(0, at, moved)
        return rows, range(len(rows))

    def weights(self, gramian, active, losses):
        return self.current[torch.tensor(active)]

    def _excess(self, task: int, row: Tensor) -> Tensor:
        """e_t before it is divided by the first one: float64, on the device."""
        square, old = row.square(), self.squares[task]
        total = square if old is None else square + old.to(row.device, row.dtype)
        self.squares[task] = total
        return (square / (total + 1e-7).sqrt()).sum(dtype=torch.float64)
