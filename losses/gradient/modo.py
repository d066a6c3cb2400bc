"""Weights that go down the length of the update, as two parts of a batch tell it without bias."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import onto_simplex
from utils.option import option


class MoDo(Aggregator):
    """λ ← Π(λ - γ (G₁ G₂ᵀ λ + ρ λ)) with the gradients of two independent samples, Π the projection
    on the simplex, and the step λᵀ G₃ with those of a third (Chen et al., NeurIPS 2023, eq. 2.9 and
    Algorithm 1). One sample for both would give the length of a noisy gradient, which is too long.

    The samples are the images i of the batch with i mod 3 = 0, 1 and 2: a batch needs three. λ
    begins equal. Of the tasks that take part the λ keep what they had in sum, and the weights are
    their shares of it.

        >>> from losses import build
        >>> rule = build("modo", ["depth", "normal"], options={"weight_step": 0.1}).aggregation.rule
        >>> rule.weights(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), [0, 1], None)
        tensor([0.4250, 0.5750], dtype=torch.float64)
    """

    weight_step: float = option(1e-3, "γ, the step of the weights", at_least=0)
    rho: float = option(0.1, "ρ, which draws the weights together", at_least=0)
    compares_parts = True
    moves_slowly = "it moves its weights in every step"
    backwards = "2T + 1"
    needs = "batches of 3 images or more"
    checked = "TorchJD"
    state = ("shares",)

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.shares: Tensor = torch.ones(len(self.tasks), dtype=torch.float64)  # T λ

    def weights(self, gramian, active, losses):
        at = list(active)
        mine = self.shares[at]
        total = mine.sum()
        equal = torch.full_like(mine, 1 / len(mine))
        shares = mine / total if total > 0 else equal
        slope = gramian.double() @ shares + self.rho * shares
        shares = onto_simplex(shares - self.weight_step * slope)
        self.shares = self.shares.index_copy(0, torch.tensor(at), shares * total)
        return shares
