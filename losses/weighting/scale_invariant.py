"""The sum of the losses' logarithms."""

import torch

from losses.mean import SMALLEST_LOSS
from losses.weighting.base import Weighting
from utils.option import option


class ScaleInvariant(Weighting):
    """F = Σ log(o + L_t), so the coefficients are 1 / (o + L_t); L_t at least 1e-8.

    With o = 0 the losses' scales do not matter: the baseline of Navon et al. (ICML 2022, section
    6). That of Senushkin et al. (CVPR 2023, table 1) has o = 1, which bounds the coefficients and
    keeps the scales of losses far below 1.

        >>> from losses import build
        >>> weighting = build("si", ["depth", "normal"], options={"log_offset": 1.0}).weighting
        >>> weighting.weights([0, 1], torch.tensor([1.0, 3.0]))
        tensor([0.5000, 0.2500])
    """

    log_offset: float = option(0.0, "o in Σ log(o + L): 0, or 1 as in Aligned-MTL", at_least=0)

    needs_losses = True
    no_geometric = "the sum of the losses' logarithms is that of a geometric mean already"
    checked = "autograd of the sum of logarithms"
    state = ("last",)

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.last = [torch.ones(())] * len(self.tasks)

    def weights(self, active, losses):
        weights = 1 / (self.log_offset + losses.clamp(min=SMALLEST_LOSS))
        for t, weight in zip(active, weights.unbind(), strict=True):
            self.last[t] = weight
        return weights

    def current(self):
        return [weight.item() for weight in self.last]
