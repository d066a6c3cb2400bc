"""ConFIG of the gradients' averages, of which each step renews one task's."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.config import config
from utils.option import option


class MomentumConFIG(Aggregator):
    """M-ConFIG (Liu et al., ICLR 2025, Algorithm 1): m_t ← β m_t + (1 - β) g_t of one task a step,
    in turn, and ConFIG's direction of the m_t / (1 - β^n_t), n_t how often the task had its turn.
    So a step takes one backward pass through the shared layers; the heads get the gradients of
    their losses in every step.

    The turn is that of the task with labels in the batch that had it least often. Tasks without
    labels, and those that never had it, are left out of a step. What the paper adds to the
    direction, a division by the root of its running square, is Adam's: choose the optimizer.

        >>> from losses import build
        >>> rule = build("config-m", ["depth", "normal"]).aggregation.rule
        >>> rows = torch.eye(2)
        >>> for turn in (0, 1):
        ...     print(rule.differentiated([0, 1]))
        ...     tracked, positions = rule.track([rows[turn]], torch.ones(1), [0, 1], None)
        [0]
        [1]
        >>> torch.stack(tracked).round(decimals=3)
        tensor([[1., 0.],
                [0., 1.]])
    """

    gradient_momentum: float = option(
        0.9, "β, the share of the old average of a gradient", at_least=0, below=1
    )
    backwards: ClassVar[str] = "1"
    moves_slowly = "it differentiates one task in every step"
    checked = "the algorithm on the gradients themselves"
    state = ("turns", "averages")

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.turns = [0] * len(self.tasks)
        self.averages: list[Tensor | None] = [None] * len(self.tasks)

    @classmethod
    def remembers(cls, values):
        return "T gradients"

    def differentiated(self, active):
        return [min(range(len(active)), key=lambda k: self.turns[active[k]])]

    def track(self, rows, norms, active, losses):
        [row], [position] = rows, self.differentiated(active)
        task = active[position]
        old = self.averages[task]
        old = torch.zeros_like(row) if old is None else old.to(row.device, row.dtype)
        self.averages[task] = torch.lerp(row, old, self.gradient_momentum)
        self.turns[task] += 1
        positions = [k for k, t in enumerate(active) if self.averages[t] is not None]
        return [self._unbiased(active[k]) for k in positions], positions

    def weights(self, gramian, active, losses):
        return config(gramian)

    def _unbiased(self, task: int) -> Tensor:
        return self.averages[task] / (1 - self.gradient_momentum ** self.turns[task])
