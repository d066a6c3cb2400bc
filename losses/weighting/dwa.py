"""Weights from how fast the losses have fallen of late."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from losses.weighting.base import Weighting
from utils.option import option
from utils.transfer import tensor_on


class DWA(Weighting):
    """w_t = T softmax_t(r_t / temperature) with r_t the loss of the last epoch over that of the one
    before, each the mean over the epoch's batches (Liu et al., CVPR 2019, eq. 7). Equal in the
    first two epochs.

    A task's mean is over the batches in which it takes part; the rate of a task without two such
    epochs is 1. Under a geometric mean the weights add up to 1 instead of T.
    """

    temperature: float = option(
        2.0, "the larger, the more alike the weights", above=0, search=(0.5, 8.0)
    )
    needs_losses = True
    total = "tasks"
    checked = "TorchJD"
    state = ("sums", "counts", "last", "values")

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.sums: Tensor = torch.zeros(len(self.tasks), dtype=torch.float64)
        self.counts = [0] * len(self.tasks)
        self.last = [math.nan] * len(self.tasks)
        self.values = self.equal()

    def weights(self, active, losses):
        self.sums = self.sums.to(losses.device)
        if len(active) == len(self.tasks):
            self.sums += losses
        else:
            self.sums.index_add_(0, tensor_on(losses.device, active), losses.double())
        for t in active:
            self.counts[t] += 1
        return [self.values[t] for t in active]

    def current(self):
        return self.values

    def end_epoch(self):
        sums = self.sums.tolist()
        means = [s / n if n else math.nan for s, n in zip(sums, self.counts, strict=True)]
        rates = [new / old if old else math.nan for new, old in zip(means, self.last, strict=True)]
        rates = [rate if math.isfinite(rate) else 1.0 for rate in rates]
        shares = (torch.tensor(rates, dtype=torch.float64) / self.temperature).softmax(dim=0)
        self.values = (self.sum * shares).tolist()
        self.sums = torch.zeros_like(self.sums)
        self.counts = [0] * len(self.tasks)
        self.last = means
