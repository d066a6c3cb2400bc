"""Smooth Tchebycheff: the worst task, softly."""

from __future__ import annotations

import math

import torch

from losses.mean import SMALLEST_LOSS
from losses.weighting.base import Weighting
from utils.option import option
from utils.transfer import tensor_on


class STCH(Weighting):
    """F = T μ log Σ exp(log(L_t / z_t) / μ), a smooth maximum of the log losses (Lin et al., ICML
    2024, eq. 8, as its official code uses it for networks). z_t is the task's mean loss in the
    epoch after the warm-up; until its end, F = Σ log L_t.

    The coefficients are T softmax_t(log(L_t / z_t) / μ) / L_t over the tasks that take part, T
    their number. A task without a loss in that epoch gets its z_t in the next one that has one,
    and counts as its z_t until then.
    """

    mu: float = option(
        1.0, "μ: the smaller, the more the worst task alone counts", above=0, search=(0.1, 10.0)
    )
    warmup_epochs: int = option(4, "epochs on the sum of the log losses", at_least=0)
    needs_losses = True
    no_geometric = "it works on the losses' logarithms already"
    checked = "TorchJD"
    state = ("epoch", "sums", "counts", "nadir", "last")

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        size = len(self.tasks)
        self.epoch = 0
        self.sums = torch.zeros(size, dtype=torch.float64)
        self.counts = [0] * size
        self.nadir = [math.nan] * size
        self.last = [torch.ones(())] * size

    def weights(self, active, losses):
        losses = losses.clamp(min=SMALLEST_LOSS)
        if self.epoch >= self.warmup_epochs:
            self._sum(active, losses)
        weights = 1 / losses
        if self.epoch > self.warmup_epochs:
            weights = weights * self._shares(active, losses)
        for t, weight in zip(active, weights.unbind(), strict=True):
            self.last[t] = weight
        return weights

    def current(self):
        return [weight.item() for weight in self.last]

    def end_epoch(self):
        if self.epoch >= self.warmup_epochs:
            for t, total in enumerate(self.sums.tolist()):
                if math.isnan(self.nadir[t]) and self.counts[t]:
                    self.nadir[t] = total / self.counts[t]
        self.epoch += 1

    def _sum(self, active, losses):
        """Adds to the sums of the tasks that have no z_t yet."""
        waiting = [math.isnan(self.nadir[t]) for t in active]
        if any(waiting):
            self.sums = self.sums.to(losses.device)
            added = losses.double() * tensor_on(losses.device, waiting)
            self.sums.index_add_(0, tensor_on(losses.device, active), added)
            for t, wait in zip(active, waiting, strict=True):
                self.counts[t] += wait

    def _shares(self, active, losses):
        nadir = tensor_on(losses.device, [self.nadir[t] for t in active], losses.dtype)
        ratio = torch.where(nadir.isnan(), 1.0, losses / nadir)
        return len(active) * (ratio.log() / self.mu).softmax(dim=0)
