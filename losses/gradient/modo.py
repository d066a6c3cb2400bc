"""Weights that go down the length of the update, as two parts of a batch tell it without bias."""

from __future__ import annotations

from losses.gradient.compared_parts import PartsAggregator
from losses.gradient.gramian import onto_simplex
from utils.option import option


class MoDo(PartsAggregator):
    """λ ← Π(λ - γ (G₁ G₂ᵀ λ + ρ λ)) with the gradients of two independent samples, Π the projection
    on the simplex, and the step λᵀ G₃ with those of a third (Chen et al., NeurIPS 2023, eq. 2.9 and
    Algorithm 1). The weights are the shares that the tasks that take part have of their λ.

        >>> import torch
        >>> from losses import build
        >>> rule = build("modo", ["depth", "normal"], options={"weight_step": 0.1}).aggregation.rule
        >>> rule.weights(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), [0, 1], None)
        tensor([0.4250, 0.5750], dtype=torch.float64)
    """

    weight_step: float = option(1e-3, "γ, the step of the weights", at_least=0)
    rho: float = option(0.1, "ρ, which draws the weights together", at_least=0)
    checked = "TorchJD"

    def moved(self, products, shares):
        slope = products @ shares + self.rho * shares
        return onto_simplex(shares - self.weight_step * slope)
