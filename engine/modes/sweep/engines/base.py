"""What an engine is: something that runs the jobs of a sweep."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.modes.sweep.jobs import Job, Outcome
from utils.part import Part

SCRIPT = Path(__file__).parents[4] / "train_test.py"
"""What a job's command line is given to."""


class Engine(Part):
    """Runs jobs, those that others need before these."""

    section = "run"

    @property
    def at_a_time(self) -> int:
        """How many jobs run at the same time."""
        return 1

    @abstractmethod
    def run(
        self, jobs: Sequence[Job], folder: Path, finished: Callable[[Outcome], None]
    ) -> list[Outcome] | None:
        """Runs jobs. One that fails does not stop the others, but for those that need it.

        Args:
            folder: for what the jobs print.
            finished: is called with the outcome of each.

        Returns:
            the outcomes; None where the jobs run without this process.
        """


def not_started(job: Job, outcomes: Sequence[Outcome]) -> Outcome | None:
    """The outcome of a job that needs one that has failed; None where all is well."""
    failed = {outcome.job.name for outcome in outcomes if outcome.failed}
    reason = next((name for name in job.needs if name in failed), None)
    return Outcome(job, None, f"not started: {reason} failed") if reason else None
