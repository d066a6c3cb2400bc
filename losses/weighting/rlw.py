"""Random weights."""

import torch

from losses.weighting.base import Weighting


class RLW(Weighting):
    """w = softmax(z) with z_t ~ N(0, 1), drawn anew for every step (Lin et al., TMLR 2022)."""

    checked = "the distribution of its draws"
    state = ("values",)

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.values = self.equal()

    def weights(self, active, losses):
        draw = torch.randn(len(self.tasks), generator=self.generator).softmax(dim=0)
        self.values = (self.sum * draw).tolist()
        return [self.values[t] for t in active]

    def current(self):
        return self.values
