"""Dynamic task prioritization: the lower a task's accuracy, the more it counts."""

from __future__ import annotations

import math

from losses.weighting.accuracy import AccuracyWeighting
from utils.option import option

# An accuracy below this counts as this much, so that its logarithm stays finite.
_SMALLEST_ACCURACY = 1e-3


class DTP(AccuracyWeighting):
    """w_t = -(1 - acc_t)^γ log acc_t, not normalised (Guo et al., ECCV 2018, eq. 3); the accuracy
    at least 0.001."""

    focusing_factor: float = option(
        0.5, "γ: the larger, the less the tasks ahead count", at_least=0, search=(0.125, 4.0)
    )

    def weight(self, task, accuracy):
        accuracy = min(max(accuracy, _SMALLEST_ACCURACY), 1.0)
        return (1 - accuracy) ** self.focusing_factor * -math.log(accuracy)
