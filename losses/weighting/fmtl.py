"""Weights from the accuracies alone, without their logarithm."""

from __future__ import annotations

from typing import ClassVar

from losses.options import Option
from losses.weighting.accuracy import SMOOTHING, AccuracyWeighting


class FMTL(AccuracyWeighting):
    """w_t = (1 - acc_t)^γ, divided by their sum: the focal weights of the fmtl of the achievement
    paper's repository."""

    options: ClassVar = {
        "focusing_factor": Option(float, 0.5, "γ: the larger, the less the tasks ahead count"),
        "smoothing": SMOOTHING,
    }

    def weight(self, task, accuracy):
        return (1 - min(accuracy, 1.0)) ** self.focusing_factor

    def normalised(self, weights):
        return self.shares(weights)
