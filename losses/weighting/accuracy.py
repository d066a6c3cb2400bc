"""What the weightings that look at the validation accuracies have in common."""

from __future__ import annotations

import math
from abc import abstractmethod

from losses.weighting.base import Weighting
from utils.option import option


class AccuracyWeighting(Weighting):
    """Weights that are a function of each task's own accuracy, and change once per evaluation.

    The accuracies are smoothed over the evaluations: new = smoothing · current + (1 - smoothing) ·
    old, the first one taken as it is. An accuracy of NaN (nothing to measure) leaves the old one.
    Before the first evaluation all weights are equal. A task whose weight cannot be told (never
    measured yet) gets the mean of the others', so that it is neither pushed nor held back.
    """

    smoothing: float = option(
        0.1,
        "share of the newest accuracy in the running one that sets weights",
        above=0,
        at_most=1,
    )
    needs = "validation"
    checked = "the paper's formula"
    state = ("accuracy", "values")

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.accuracy: dict[str, float] = {}
        self.values = self.equal()

    @abstractmethod
    def weight(self, task: str, accuracy: float) -> float | None:
        """The weight of a task before normalisation, None where it cannot be told.

        `accuracy` is the smoothed one, in [0, 1].
        """

    def normalised(self, weights: list[float]) -> list[float]:
        """The weights as they are used; as they are, unless a method says otherwise."""
        return weights

    def weights(self, active, losses):
        return [self.values[t] for t in active]

    def current(self):
        return self.values

    def evaluated(self, accuracy):
        for task in self.tasks:
            new = accuracy.get(task, math.nan)
            if math.isnan(new):
                continue
            old = self.accuracy.get(task, new)
            self.accuracy[task] = self.smoothing * new + (1 - self.smoothing) * old
        weights = [
            self.weight(task, self.accuracy[task]) if task in self.accuracy else None
            for task in self.tasks
        ]
        known = [weight for weight in weights if weight is not None]
        if known:
            mean = sum(known) / len(known)
            self.values = self.normalised([mean if w is None else w for w in weights])

    def shares(self, weights: list[float]) -> list[float]:
        """The weights scaled to the wanted sum; equal where all are 0."""
        total = sum(weights)
        return [self.sum * w / total for w in weights] if total > 0 else self.equal()
