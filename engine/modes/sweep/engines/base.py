"""What an engine is: something that runs the jobs of a sweep."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.modes.sweep.job import Job, Outcome
from utils import signals
from utils.part import Part

SCRIPT = Path(__file__).parents[4] / "train_test.py"
"""What a job's command line is given to."""
_PAUSE = 0.1  # seconds between two looks at the jobs that run


class Engine(Part):
    """Runs jobs, those that others need before these."""

    section = "run"

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

    @property
    def at_a_time(self) -> int:
        """How many jobs run at the same time."""
        return 1


class RunningJob(ABC):
    """A job that has been started."""

    job: Job

    @abstractmethod
    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs."""

    @abstractmethod
    def stop(self, signal: int) -> None:
        """Passes on the signal that ends this process, and waits until the job has saved."""


class WaitingEngine(Engine):
    """An engine whose jobs this process starts and waits for."""

    @abstractmethod
    def start(self, job: Job, folder: Path, running: Sequence[RunningJob]) -> RunningJob:
        """Starts a job beside those that run."""

    def run(self, jobs, folder, finished):
        outcomes: list[Outcome] = []
        waiting, running = list(jobs), []

        def ended(outcome: Outcome) -> None:
            outcomes.append(outcome)
            finished(outcome)

        with _stopped_together(running):
            while waiting or running:
                signals.check()
                for started in list(running):
                    if outcome := started.outcome():
                        running.remove(started)
                        ended(outcome)
                for job in list(waiting):
                    if outcome := not_started(job, outcomes):
                        waiting.remove(job)
                        ended(outcome)
                done = {outcome.job.name for outcome in outcomes}
                ready = [job for job in waiting if done.issuperset(job.needs)]
                for job in ready[: self.at_a_time - len(running)]:
                    waiting.remove(job)
                    running.append(self.start(job, folder, running))
                time.sleep(_PAUSE)
        return outcomes


@contextmanager
def _stopped_together(running: Sequence[RunningJob]) -> Iterator[None]:
    """Within it, a signal ends the jobs that run, and then this process."""
    try:
        with signals.deferred():
            yield
    except signals.Stopped as stop:
        for started in running:
            started.stop(stop.signal)
        raise


def not_started(job: Job, outcomes: Sequence[Outcome]) -> Outcome | None:
    """The outcome of a job that needs one that has failed; None where all is well."""
    failed = {outcome.job.name for outcome in outcomes if outcome.failed}
    reason = next((name for name in job.needs if name in failed), None)
    return Outcome(job, None, f"not started: {reason} failed") if reason else None


def start_process(job: Job, output: Path, environment: Mapping[str, str]) -> subprocess.Popen:
    """Starts the command of a job, which ends where this process dies.

    Args:
        output: the file that it prints into.
        environment: variables beside those of this process.
    """
    with open(output, "w") as file:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), *job.argv],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment, signals.PARENT: str(os.getpid())},
            # Ctrl-C reaches this process alone, which passes it on.
            start_new_session=True,
        )


@contextmanager
def ended_together(process: subprocess.Popen) -> Iterator[None]:
    """Within it, what ends this process ends another one as well, which saves."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def last_line(output: Path) -> str:
    """The error in what a job has printed, else its last line."""
    lines = [line for line in output.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it printed nothing"])[-1].removeprefix("error: ")


def threads(at_a_time: int) -> dict[str, str]:
    """What gives each of some jobs its share of the cores; nothing for a single job."""
    if at_a_time == 1:
        return {}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"OMP_NUM_THREADS": str(max(1, cores // at_a_time))}
