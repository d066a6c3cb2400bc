"""Achievement-based weights: the further a task is from its potential, the more it counts."""

from __future__ import annotations

import math
from typing import ClassVar

from losses.options import Option, require
from losses.weighting.accuracy import SMOOTHING, AccuracyWeighting
from utils.errors import ConfigError


class Achievement(AccuracyWeighting):
    """w_t = (1 - acc_t / p_t)^γ (Yun and Cho, ICCV 2023, eq. 4), p_t the potential: the accuracy of
    the single-task network, times (1 + margin).

    An accuracy above the potential counts as the potential. The weights then pass through a softmax
    over the tasks, or are divided by their sum (equal where every task has reached its potential),
    or are used as they are. A potential of 0 or NaN (a single-task network that learnt nothing, or
    was never measured) tells nothing of the task, whose weight is then the mean of the others'.

    Raises:
        ConfigError: a task without a potential, or one outside [0, 1].
    """

    options: ClassVar = {
        "focusing_factor": Option(float, 2.0, "γ: the larger, the more the tasks far behind count"),
        "margin": Option(float, 0.05, "the potential is raised by this share of itself"),
        "normalize": Option(
            str, "softmax", "what the weights pass through", ("softmax", "sum", "none")
        ),
        "smoothing": SMOOTHING,
    }
    needs_potential = True

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        require(self.margin > -1, "margin", self.margin, "above -1")
        for task in self.tasks:
            if task not in (potential or {}):
                raise ConfigError(f"potential: none is given for {task}; give one a task")
            if not (0 <= potential[task] <= 1 or math.isnan(potential[task])):
                raise ConfigError(
                    f"potential: {potential[task]:g} for {task} is no accuracy; give it in 0 to 1"
                )

    def weight(self, task, accuracy):
        potential = self.potential[task] * (1 + self.margin)
        if not potential > 0:
            return None
        return (1 - min(1.0, accuracy / potential)) ** self.focusing_factor

    def normalised(self, weights):
        if self.normalize == "softmax":
            return self.shares([math.exp(w) for w in weights])
        return self.shares(weights) if self.normalize == "sum" else weights
