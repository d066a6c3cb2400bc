"""How long a training is, in steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.training.options import Training


@dataclass(frozen=True)
class Length:
    """The steps of a training, cut into periods of equal numbers of steps; the last may be shorter.
    After a period come its row of the records, an evaluation where it is time, and a checkpoint.

    A period is an epoch of the data, or `test_iterations` steps where the cfg counts iterations.

    Attributes:
        epoch: the number of steps in an epoch of the data.
        period: in a period.
        total: of the training.
        in_iterations: whether the cfg counts iterations, not epochs.
    """

    epoch: int
    period: int
    total: int
    in_iterations: bool = False

    @classmethod
    def of(cls, options: Training, epoch: int) -> Length:
        """The length that a cfg gives, with `epoch` steps in an epoch of its data."""
        if period := options.period:
            return cls(epoch, period, options.max_iterations, True)
        return cls(epoch, epoch, options.max_epoch * epoch)

    @property
    def periods(self) -> int:
        """The number of periods."""
        return math.ceil(self.total / self.period)

    def until(self, period: int) -> int:
        """The number of steps up to the end of a period, counted from 1; 0 of period 0."""
        return min(self.total, period * self.period)

    def steps(self, period: int) -> int:
        """The number of steps in a period, counted from 1."""
        return self.until(period) - self.until(period - 1)

    def title(self, period: int, step: int) -> str:
        """'epoch 3/60', or 'iteration 15000/40000'.

        Args:
            period: the number of the period, from 1.
            step: the number of the step in it, from 1 over all periods.
        """
        if self.in_iterations:
            return f"iteration {step}/{self.total}"
        return f"epoch {period}/{self.periods}"

    def place(self, finished: int, steps: int) -> str:
        """Where a training is after so many finished periods and `steps` steps of the next one, in
        words."""
        if self.in_iterations:
            return f"iteration {self.until(finished) + steps} of {self.total}"
        if steps == self.period:
            return f"the steps of epoch {finished + 1} of {self.periods}"
        if steps:
            return f"step {steps} of {self.period} of epoch {finished + 1}"
        return f"epoch {finished} of {self.periods}"
