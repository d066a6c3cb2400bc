"""Achievement-based weights: the further a task is from its potential, the more it counts."""

from __future__ import annotations

import math

from losses.weighting.accuracy import AccuracyWeighting
from utils.errors import ConfigError
from utils.option import option


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

    focusing_factor: float = option(
        2.0,
        "γ: the larger, the more the tasks far behind count",
        at_least=0,
        search=(0.25, 8.0),
        official=0.5,
    )
    margin: float = option(
        0.05,
        "the potential is raised by this share of itself",
        above=-1,
        search=(0.0, 0.5),
        official=0.15,
    )
    normalize: str = option(
        "softmax", "what the weights pass through", choices=("softmax", "sum", "none")
    )
    needs = "validation, and single-task accuracies"

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        for task in self.tasks:
            if task not in (potential or {}):
                raise ConfigError(f"no potential is given for {task}; give one a task", "potential")
            if not (0 <= potential[task] <= 1 or math.isnan(potential[task])):
                raise ConfigError(
                    f"the potential {potential[task]:g} of {task} is no accuracy, from 0 to 1",
                    "potential",
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
