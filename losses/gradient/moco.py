"""Multi-objective descent with gradients that are tracked over the steps."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from utils.option import option


class MoCo(Aggregator):
    """y_t ← y_t - β/k^s (y_t - L_t g_t / ‖g_t‖) tracks each task's gradient, which corrects the
    bias that one batch gives the weights; λ ← softmax(λ - γ/k^r (YYᵀ + ρ I) λ), and the step is
    Σ λ_t y_t (Fernando et al., ICLR 2023, eq. 6 to 9 and its official code). k counts a task's
    steps for y, and the rule's for λ; y begins at 0 and λ equal.

    Of a task without labels y and λ stay, and the others share among them what they had of λ.

        >>> from losses import build
        >>> rule = build("moco", ["depth", "normal"]).aggregation.rule
        >>> rows, norms = [torch.tensor([3.0, 4.0])] * 2, torch.tensor([5.0, 5.0])
        >>> rows, _ = rule.track(rows, norms, [0, 1], torch.tensor([2.0, 1.0]))
        >>> rows[0]
        tensor([0.6000, 0.8000])
    """

    tracking: float = option(0.5, "β, how fast the tracked gradients follow", above=0, at_most=1)
    tracking_power: float = option(0.5, "s, of the step, by which β falls", at_least=0)
    weight_step: float = option(0.1, "γ, the step of the weights", at_least=0)
    weight_power: float = option(0.5, "r, of the step, by which γ falls", at_least=0)
    rho: float = option(0.0, "ρ, which draws the weights together", at_least=0)
    needs_losses = True
    moves_slowly = "its tracked gradients follow those of every step"
    checked = "the formulas on the gradients themselves"
    state = ("tracked", "steps", "shares")

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.tracked: list[Tensor | None] = [None] * len(self.tasks)
        self.steps = [0] * (len(self.tasks) + 1)  # of each task, and of the weights
        self.shares: Tensor = torch.ones(len(self.tasks), dtype=torch.float64)  # T λ

    @classmethod
    def remembers(cls, values):
        return "T gradients"

    def track(self, rows, norms, active, losses):
        for row, norm, t, loss in zip(rows, norms.tolist(), active, losses.tolist(), strict=True):
            self.steps[t] += 1
            old = self.tracked[t]
            old = torch.zeros_like(row) if old is None else old.to(row.device, row.dtype)
            rate = self.tracking / self.steps[t] ** self.tracking_power
            self.tracked[t] = torch.lerp(old, row * (loss / norm if norm else 0.0), rate)
        return [self.tracked[t] for t in active], range(len(active))

    def weights(self, gramian, active, losses):
        at, products = list(active), gramian.double()
        self.steps[-1] += 1
        mine = self.shares[at]
        shares = mine / mine.sum()
        rate = self.weight_step / self.steps[-1] ** self.weight_power
        shares = (shares - rate * (products @ shares + self.rho * shares)).softmax(dim=0)
        self.shares = self.shares.index_copy(0, torch.tensor(at), shares * mine.sum())
        return shares
