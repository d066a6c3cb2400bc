"""Weights that never change."""

from __future__ import annotations

from typing import ClassVar

from losses.options import Option, require
from losses.weighting.base import Weighting
from utils.errors import ConfigError


class Fixed(Weighting):
    """w_t as the cfg says; equal where it says nothing."""

    options: ClassVar = {
        "loss_weight": Option(
            list[float],
            [],
            "the weight of each task's loss, in the order of the tasks; none: equal",
        )
    }

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        given = list(self.loss_weight or [])
        if given and len(given) != len(self.tasks):
            raise ConfigError(
                f"loss_weight: {len(given)} numbers for {len(self.tasks)} tasks"
                f" ({', '.join(self.tasks)}); give one each"
            )
        for weight in given:
            require(weight >= 0, "loss_weight", weight, "at least 0")
        self.values = given or self.equal()

    def weights(self, present, losses):
        return [self.values[t] for t in present]

    def current(self):
        return self.values
