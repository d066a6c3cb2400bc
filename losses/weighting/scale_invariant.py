"""The sum of the losses' logarithms."""

import torch

from losses.mean import SMALLEST_LOSS
from losses.weighting.base import Weighting


class ScaleInvariant(Weighting):
    """F = Σ log L_t, so the coefficients are 1 / L_t, whatever the losses' scales; L_t at least
    1e-8 (the "si" of Senushkin et al., CVPR 2023)."""

    needs_losses = True
    no_geometric = "the sum of the losses' logarithms is that of a geometric mean already"
    state = ("last",)

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.last = [torch.ones(())] * len(self.tasks)

    def weights(self, active, losses):
        weights = 1 / losses.clamp(min=SMALLEST_LOSS)
        for t, weight in zip(active, weights.unbind(), strict=True):
            self.last[t] = weight
        return weights

    def current(self):
        return [weight.item() for weight in self.last]
