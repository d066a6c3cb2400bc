"""The shortest update near the mean gradient, from three parts of a batch."""

from __future__ import annotations

import torch

from losses.gradient.compared_parts import PartsAggregator
from losses.gradient.gramian import onto_simplex
from utils.option import option

_STEPS, _RATE, _MOMENTUM = 20, 5.0, 0.5


class SDMGrad(PartsAggregator):
    """The step (Σ w_t g_t + λ ḡ) / (1 + λ), ḡ the mean gradient, with w on the simplex for which
    ½ ‖Σ w_t g_t‖² + λ (Σ w_t g_t) · ḡ is small (Xiao et al., NeurIPS 2023, Algorithm 2 and section
    6.1). The products are those of two independent samples, M = G₁ G₂ᵀ / s² with s the mean of the
    √max(M_tt, 0), and the gradients of the step are those of a third.

    w goes 20 steps of projected SGD (rate 5, momentum 0.5) down ½ wᵀ M w + λ wᵀ M 1/T, from where
    it was in the last step.

        >>> from losses import build
        >>> rule = build("sdmgrad", ["depth", "normal"]).aggregation.rule
        >>> rule.weights(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), [0, 1], None).round(decimals=3)
        tensor([0.5500, 0.4500], dtype=torch.float64)
    """

    pull: float = option(0.3, "λ: the larger, the nearer to the mean gradient", at_least=0)
    checked = "TorchJD"

    def weights(self, gramian, active, losses):
        shares = super().weights(gramian, active, losses)
        equal = torch.full_like(shares, 1 / len(shares))
        return (shares + self.pull * equal) / (1 + self.pull)

    def moved(self, products, shares):
        scale = products.diagonal().clamp(min=0).sqrt().mean()
        if not scale > 0:
            return shares  # no sample has anything to say
        products = products / scale**2
        mean, velocity = products.mean(dim=1), torch.zeros_like(shares)
        for _ in range(_STEPS):
            velocity = _MOMENTUM * velocity + products @ shares + self.pull * mean
            shares = onto_simplex(shares - _RATE * velocity)
        return shares
