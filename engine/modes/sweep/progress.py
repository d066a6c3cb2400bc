"""How far a sweep is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from engine.modes.sweep.engines import Engine
from engine.modes.sweep.job import Job, Outcome
from engine.training.progress import duration


class Progress:
    """Prints a line for each job that has ended, with the time that is left.

    Args:
        jobs: all of them.
        engine: what runs them.
    """

    def __init__(self, jobs: Sequence[Job], engine: Engine):
        self.left, self.total, self.engine = list(jobs), len(jobs), engine
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.failed = 0

    def __call__(self, outcome: Outcome) -> None:
        self.left.remove(outcome.job)
        self.failed += outcome.failed
        if not outcome.failed:
            self.seconds[bool(outcome.job.needs)].append(outcome.seconds)
        said = outcome.line if outcome.failed else duration(outcome.seconds)
        print(f"{self._whole()}  |  {outcome.job.name}: {said}", flush=True)

    def _whole(self) -> str:
        """'3/15 done, 1 of them failed, about 12 min left'."""
        done = self.total - len(self.left)
        failed = f", {self.failed} of them failed" if self.failed else ""
        left = self._left()
        return f"{done}/{self.total} done{failed}" + (
            f", about {duration(left)} left" if left else ""
        )

    def _left(self) -> float | None:
        """The seconds that the jobs left take, by the mean of those done; None where none is."""
        known = [*self.seconds[True], *self.seconds[False]]
        if not known or not self.left:
            return None
        each = (self.seconds[bool(job.needs)] or known for job in self.left)
        return sum(statistics.mean(seconds) for seconds in each) / self.engine.at_a_time
