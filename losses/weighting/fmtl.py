"""Weights from the accuracies alone, without their logarithm."""

from __future__ import annotations

from losses.weighting.accuracy import AccuracyWeighting
from utils.option import option


class FMTL(AccuracyWeighting):
    """w_t = (1 - acc_t)^γ, divided by their sum: the focal weights of the fmtl of the achievement
    paper's repository."""

    focusing_factor: float = option(
        0.5, "γ: the larger, the less the tasks ahead count", at_least=0, search=(0.125, 4.0)
    )

    def weight(self, task, accuracy):
        return (1 - min(accuracy, 1.0)) ** self.focusing_factor

    def normalised(self, weights):
        return self.shares(weights)
