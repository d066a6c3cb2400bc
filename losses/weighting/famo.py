"""Weights that let all losses fall at the same rate."""

from __future__ import annotations

import torch

from losses.mean import SMALLEST_LOSS
from losses.weighting.learned import LearnedWeighting
from utils.option import option


class FAMO(LearnedWeighting):
    """z = softmax(s) and F = c Σ z_t log L_t with 1/c = Σ z_t / L_t held fixed: the coefficients c
    z_t / L_t add up to 1 (Liu et al., NeurIPS 2023, Algorithm 2).

    After the step the losses of the same batch are measured again, and Adam moves s by the gradient
    of Σ z_t (log L_t before - log L_t after): tasks that fell less get more. Where tasks are
    absent, the coefficients add up to what those active have of z, and only theirs moves.
    """

    weight_lr: float = option(
        0.025, "learning rate (Adam) of the weights", above=0, search=(2.5e-3, 0.25)
    )
    logit_decay: float = option(
        1e-3, "weight decay of the numbers the weights are made of", at_least=0
    )
    needs_losses_after = True
    checked = "TorchJD"
    no_geometric = "it works on the losses' logarithms already"

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self._before = None

    @property
    def decay(self):
        return self.logit_decay

    def weights(self, active, losses):
        shares = self.numbers(range(len(self.tasks)), losses).softmax(dim=0)
        shares = torch.stack([shares[t] for t in active])
        losses = losses.clamp(min=SMALLEST_LOSS)
        self._before = losses.log()
        return shares.sum() * (shares / losses) / (shares / losses).sum()

    def after_step(self, active, losses):
        fallen = self._before - losses.clamp(min=SMALLEST_LOSS).log()
        shares = self.numbers(active, losses).softmax(dim=0)
        self.learn(active, shares * (fallen - (shares * fallen).sum()))

    def all_weights(self, numbers):
        return numbers.softmax(dim=0)
