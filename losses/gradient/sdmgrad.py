"""The shortest update near the mean gradient, from three parts of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import onto_simplex
from utils.option import option

_STEPS, _RATE, _MOMENTUM = 20, 5.0, 0.5


class SDMGrad(Aggregator):
    """The step (Σ w_t g_t + λ ḡ) / (1 + λ), ḡ the mean gradient, with w on the simplex for which
    ½ ‖Σ w_t g_t‖² + λ (Σ w_t g_t) · ḡ is small (Xiao et al., NeurIPS 2023, Algorithm 2 and section
    6.1). The products are those of two independent samples, M = G₁ G₂ᵀ / s² with s the mean of the
    √max(M_tt, 0), and the gradients of the step are those of a third.

    w goes 20 steps of projected SGD (rate 5, momentum 0.5) down ½ wᵀ M w + λ wᵀ M 1/T, from where
    it was in the last step. The samples are the images i of the batch with i mod 3 = 0, 1 and 2: a
    batch needs three. Of the tasks that take part w keeps what they had in sum.

        >>> from losses import build
        >>> rule = build("sdmgrad", ["depth", "normal"]).aggregation.rule
        >>> rule.weights(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), [0, 1], None).round(decimals=3)
        tensor([0.5500, 0.4500], dtype=torch.float64)
    """

    pull: float = option(0.3, "λ: the larger, the nearer to the mean gradient", at_least=0)
    compares_parts = True
    moves_slowly = "it moves its weights in every step"
    backwards = "2T + 1"
    needs = "batches of 3 images or more"
    checked = "TorchJD"
    state = ("shares",)

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.shares: Tensor = torch.ones(len(self.tasks), dtype=torch.float64)  # T w

    def weights(self, gramian, active, losses):
        at = list(active)
        mine = self.shares[at]
        total, equal = mine.sum(), torch.full_like(mine, 1 / len(mine))
        shares = self._solved(gramian.double(), mine / total if total > 0 else equal)
        self.shares = self.shares.index_copy(0, torch.tensor(at), shares * total)
        return (shares + self.pull * equal) / (1 + self.pull)

    def _solved(self, products: Tensor, shares: Tensor) -> Tensor:
        scale = products.diagonal().clamp(min=0).sqrt().mean()
        if not scale > 0:
            return shares  # no sample has anything to say
        products = products / scale**2
        mean, velocity = products.mean(dim=1), torch.zeros_like(shares)
        for _ in range(_STEPS):
            velocity = _MOMENTUM * velocity + products @ shares + self.pull * mean
            shares = onto_simplex(shares - _RATE * velocity)
        return shares
