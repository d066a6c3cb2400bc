"""Weights that never change."""

from __future__ import annotations

from losses.weighting.base import Weighting
from utils.errors import ConfigError
from utils.option import option


class Fixed(Weighting):
    """w_t as the cfg says; equal where it says nothing."""

    loss_weight: tuple[float, ...] = option(
        (), "the weight of each task's loss, in the order of the tasks; none: equal", at_least=0
    )

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        if self.loss_weight and len(self.loss_weight) != len(self.tasks):
            raise ConfigError(
                f"loss_weight has {len(self.loss_weight)} numbers for {len(self.tasks)} tasks"
                f" ({', '.join(self.tasks)}); give one each",
                "loss_weight",
            )
        self.values = list(self.loss_weight) or self.equal()

    def weights(self, active, losses):
        return [self.values[t] for t in active]

    def current(self):
        return self.values
