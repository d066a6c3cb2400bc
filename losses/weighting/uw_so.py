"""Weights by the inverse losses, through a softmax."""

import torch

from losses.mean import SMALLEST_LOSS
from losses.weighting.base import Weighting
from utils.option import option


class UWSO(Weighting):
    """w = softmax_t(1 / (τ L_t)) over the tasks that take part, times their number, scaled to the
    wanted sum over all tasks (UW-SO: Kirchdorfer et al., GCPR 2024, eq. 7). The uncertainties of
    Kendall et al. that are best for the losses of the step are w_t = 1 / L_t; the softmax keeps the
    weights of small losses finite, and τ says how far apart the weights may be.

    The losses have no gradient through their weights. A loss counts as at least 1e-8.

        >>> import torch
        >>> from losses import build
        >>> weighting = build("uw-so", ["depth", "normal"], options={"tau": 2.0}).weighting
        >>> weighting.weights([0, 1], torch.tensor([0.5, 1.0]))
        tensor([0.6225, 0.3775])
    """

    tau: float = option(
        1.0, "τ: the larger, the more alike the weights", above=0, search=(0.1, 20.0)
    )
    needs_losses = True
    checked = "the closed form"
    state = ("last",)

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.last = [torch.tensor(weight) for weight in self.equal()]

    def weights(self, active, losses):
        shares = (1 / (self.tau * losses.clamp(min=SMALLEST_LOSS))).softmax(dim=0)
        weights = shares * (self.sum * len(active) / len(self.tasks))
        for t, weight in zip(active, weights.unbind(), strict=True):
            self.last[t] = weight
        return weights

    def current(self):
        return [weight.item() for weight in self.last]
