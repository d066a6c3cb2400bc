"""Jobs as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.modes.sweep.engines.base import SCRIPT, Engine, not_started
from engine.modes.sweep.jobs import Job, Outcome
from utils import signals
from utils.option import option

_PAUSE = 0.1  # seconds between two looks at the processes


@dataclass
class _Process:
    job: Job
    slot: int
    process: subprocess.Popen
    output: Path
    began: float

    def outcome(self) -> Outcome:
        status = self.process.returncode
        seconds = time.monotonic() - self.began
        return Outcome(self.job, status, last_line(self.output) if status else "", seconds)


class Local(Engine):
    """Runs some jobs at a time on this machine, each on a card of its own where there are several.
    The processor's cores are shared out among the jobs."""

    jobs: int | None = option(
        None,
        "jobs at a time (empty: as many as there are cards, else one)",
        at_least=1,
        largest=1024,
        affects="start",
    )

    @property
    def at_a_time(self):
        return self.jobs or max(1, len(_cards()))

    def run(self, jobs, folder, finished):
        cards, slots = _cards(), self.at_a_time
        outcomes: list[Outcome] = []
        waiting, running = list(jobs), []
        with self._ended_when_stopped(running):
            while waiting or running:
                signals.check()
                for process in [p for p in running if p.process.poll() is not None]:
                    running.remove(process)
                    outcomes.append(process.outcome())
                    finished(outcomes[-1])
                for job in list(waiting):
                    if outcome := not_started(job, outcomes):
                        waiting.remove(job)
                        outcomes.append(outcome)
                        finished(outcome)
                done = {outcome.job.name for outcome in outcomes}
                ready = [job for job in waiting if done.issuperset(job.needs)]
                for job in ready[: slots - len(running)]:
                    waiting.remove(job)
                    free = set(range(slots)) - {process.slot for process in running}
                    running.append(_start(job, min(free), slots, cards, folder))
                time.sleep(_PAUSE)
        return outcomes

    @contextmanager
    def _ended_when_stopped(self, running: list[_Process]) -> Iterator[None]:
        """Passes on the signal that ends this process, and waits until all jobs are saved."""
        try:
            with signals.deferred():
                yield
        except signals.Stopped as stop:
            for process in running:
                process.process.send_signal(stop.signal)
            for process in running:
                process.process.wait()
            raise


def _start(job: Job, slot: int, slots: int, cards: list[str], folder: Path) -> _Process:
    environment = dict(os.environ)
    if slots > 1:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores // slots)))
    if len(cards) > 1 and slots > 1:
        environment["CUDA_VISIBLE_DEVICES"] = cards[slot % len(cards)]
    output = folder / f"{job.file_name}.log"
    with open(output, "w") as file:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *job.argv],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C reaches this process alone, which passes it on.
            start_new_session=True,
        )
    return _Process(job, slot, process, output, time.monotonic())


def last_line(output: Path) -> str:
    """The error in what a job has printed, else its last line."""
    lines = [line for line in output.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it printed nothing"])[-1].removeprefix("error: ")


def _cards() -> list[str]:
    """The numbers of the GPUs that this process may use."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        return visible.split(",")[: torch.cuda.device_count()]
    return [str(number) for number in range(torch.cuda.device_count())]
