"""Jobs as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from engine.modes.sweep.engines.base import (
    RunningJob,
    WaitingEngine,
    last_line,
    start_process,
    threads,
)
from engine.modes.sweep.job import Job, Outcome
from utils.option import option


class Local(WaitingEngine):
    """Runs some jobs at a time on this machine, each on a card of its own where there are several.
    The processor's cores are shared out among the jobs."""

    jobs: int | None = option(
        None,
        "jobs at a time (empty: as many as there are cards, else one)",
        at_least=1,
        largest=1024,
        affects="start",
    )

    def __init__(self, **options):
        super().__init__(**options)
        self.cards = _cards()

    @property
    def at_a_time(self):
        return self.jobs or max(1, len(self.cards))

    def start(self, job, folder, running):
        slot = min(set(range(self.at_a_time)) - {other.slot for other in running})
        environment = threads(self.at_a_time)
        if len(self.cards) > 1 and self.at_a_time > 1:
            environment["CUDA_VISIBLE_DEVICES"] = self.cards[slot % len(self.cards)]
        output = folder / f"{job.file_name}.log"
        return LocalJob(job, slot, start_process(job, output, environment), output)


class LocalJob(RunningJob):
    """A process; `slot` is the number of its place among those that run."""

    def __init__(self, job: Job, slot: int, process: subprocess.Popen, output: Path):
        self.job, self.slot, self.process, self.output = job, slot, process, output
        self.began = time.monotonic()

    def outcome(self):
        status = self.process.poll()
        if status is None:
            return None
        seconds = time.monotonic() - self.began
        return Outcome(self.job, status, last_line(self.output) if status else "", seconds)

    def stop(self, signal):
        self.process.send_signal(signal)
        self.process.wait()


def _cards() -> Sequence[str]:
    """The numbers of the GPUs that this process may use."""
    import torch

    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[:count] if visible else [str(number) for number in range(count)]
