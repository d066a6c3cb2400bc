"""The jobs of a sweep: commands, and which of them come first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.modes.sweep.job import Job
from engine.modes.sweep.product import Run
from engine.runs.baselines import find_finished, given_potentials, needs_features, single_tasks
from engine.runs.data import build_data
from engine.runs.folder import run_folder

if TYPE_CHECKING:
    from engine.config import Config


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
