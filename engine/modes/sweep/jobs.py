"""The jobs of a sweep: commands, and which of them come first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.modes.sweep.product import Run
from engine.runs.baselines import find_finished, given_potentials, needs_features, single_tasks
from engine.runs.data import build_data
from engine.runs.folder import run_folder

if TYPE_CHECKING:
    from engine.config import Config


@dataclass(frozen=True)
class Job:
    """A command of a sweep.

    Attributes:
        name: as people read it, such as 'baseline depth, seed 0'.
        argv: the command line, after `train_test.py`.
        needs: the names of the jobs that come before it.
    """

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name, as a file can be called."""
        return "".join(c if c.isalnum() or c in "-._" else "-" for c in self.name)


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        status: its exit status; None where it was not started.
        line: what it said last, or why it was not started.
        seconds: how long it took.
    """

    job: Job
    status: int | None
    line: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        return self.status != 0


def jobs_of(runs: Sequence[Run]) -> list[Job]:
    """What is left to do of the runs of a sweep: the baselines first, each a job of its own, so
    that no run waits for a network that another one trains.

    Raises:
        UserError: the data of a run are not as they should be; see `utils.errors`.
    """
    baselines: dict[str, Job] = {}
    listed: dict[str, list[tuple[str, Job]]] = {}
    jobs = []
    for run in runs:
        folder = run_folder(run.config)
        if folder.finished() and not folder.other_options(run.config):
            continue
        decisive = _without_loss(run.config)
        if decisive not in listed:  # listing data takes long, and the losses are many
            listed[decisive] = _baselines(run)
        needs = (baselines.setdefault(key, job).name for key, job in listed[decisive])
        jobs.append(Job(run.name, run.argv, tuple(needs)))
    return [*baselines.values(), *jobs]


def _without_loss(config: Config) -> str:
    """What the baselines of a run and its data depend on, as text: all but the loss, of which it
    matters whether it compares features with those of the baselines, which must then fit."""
    identity = config.identity()
    identity["run"] = {name: v for name, v in identity["run"].items() if name != "loss"}
    return json.dumps([identity, needs_features(config)], sort_keys=True)


def _baselines(run: Run) -> list[tuple[str, Job]]:
    """The baselines of a run that are to be trained, each with the key that tells whether two runs
    have the same one."""
    config = run.config
    if len(config.run.tasks) == 1:
        return []
    tasks = build_data(config).tasks
    if given_potentials(config, tasks):
        return []
    result = []
    for name, single in single_tasks(config, tasks).items():
        if find_finished(single):
            continue
        others = [f"{option} {value}" for option, value in run.values.items() if option != "loss"]
        argv = (*run.argv, "--mode", "baselines", "--only", name)
        result.append((single.key, Job(", ".join([f"baseline {name}", *others]), argv)))
    return result
