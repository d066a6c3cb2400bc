"""The single-task networks that a multi-task network is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import losses
from engine.cost import Cost
from engine.data import Data, build_data, with_full_names
from engine.run_folder import RunFolder, baseline_folder, find_finished
from engine.teachers import SingleTask, check_teachable
from tasks import Task
from utils.config import Config, read_file

LOSS = "weighted-sum"
"""The loss of a network with one task: its own."""


@dataclass
class Baselines:
    """What a multi-task network is compared with.

    Attributes:
        potential: by task, the accuracy on the validation set that achievements are relative to.
        metrics: by task, the metrics on the test set that Δ is relative to.
        cost: of the single-task networks together; None where the potentials were given.
        networks: by task, the single-task network; empty where the potentials were given.
    """

    potential: dict[str, float]
    metrics: dict[str, dict[str, float]]
    cost: Cost | None
    networks: dict[str, SingleTask] = field(default_factory=dict)


def check_potential(config: Config) -> None:
    """Checks that accuracies are enough for the loss, where the cfg gives them.

    Raises:
        ConfigError: it needs the single-task networks themselves.
    """
    if config.potential and losses.PRESETS[config.loss].distilled:
        raise config.error(
            "potential",
            f"with accuracies given no baseline is trained, and {config.loss} needs them all as "
            "teachers; leave `potential` out",
        )


def given_potentials(config: Config, tasks: Sequence[Task]) -> Baselines | None:
    """The numbers of `potential`, used as they are; None where the cfg gives none.

    Raises:
        ConfigError: it does not give one a task.
    """
    if not config.potential:
        return None
    if len(config.potential) != len(tasks):
        names = " ".join(task.name for task in tasks)
        raise config.error(
            "potential", f"gives {len(config.potential)} numbers for the {len(tasks)} tasks {names}"
        )
    potential = {task.name: value for task, value in zip(tasks, config.potential, strict=True)}
    metrics = {task.name: {task.accuracy: potential[task.name]} for task in tasks}
    return Baselines(potential, metrics, None)


def trained_baselines(
    config: Config, tasks: Sequence[Task], train: Callable[[Config, Data, RunFolder], dict]
) -> Baselines:
    """The results of the tasks' single-task networks. Those that no run below `runs` has finished
    are trained.

    Args:
        train: trains and tests a run of a single task in a folder; returns its results.

    Raises:
        UserError: see `utils.errors`.
    """
    # Every cfg is looked at before the first network is trained.
    networks = {task.name: _single_task(config, task) for task in tasks}
    if losses.PRESETS[config.loss].distilled:
        check_teachable(config, tasks, networks)
    results = {task.name: _results(networks[task.name], task, train) for task in tasks}
    return Baselines(
        potential={t.name: results[t.name]["validation"][t.accuracy] for t in tasks},
        metrics={name: next(iter(found["metrics"].values())) for name, found in results.items()},
        cost=Cost(
            sum(found["parameters"] for found in results.values()),
            sum(found["gmacs"] for found in results.values()),
        ),
        networks=networks,
    )


def baseline_config(config: Config, task: Task) -> Config:
    """The cfg of a task's single-task network: the one of `baselines` that is for this kind of
    task, else the same cfg with this task alone.

    Raises:
        ConfigError: a named cfg cannot be read or has several tasks, or none is for the task.
    """
    if not config.baselines:
        config = config.replace(tasks=[task.kind], baselines=[], potential=[], run=None)
        return config.replace(loss=LOSS, method_values={})
    for path in config.baselines:
        single = with_full_names(read_file(path, config.overrides, losses.methods()))
        if len(single.tasks) != 1:
            raise config.error(
                "baselines", f"{path} has {len(single.tasks)} tasks, a baseline has one"
            )
        if single.tasks == [task.kind]:
            return single.replace(loss=LOSS, method_values={}, runs=config.runs, run=None)
    raise config.error("baselines", f"none of the cfgs it names is for {task.kind}")


def _single_task(config: Config, task: Task) -> SingleTask:
    """A task's network: its cfg, and the folder where it has been trained or will be."""
    single = baseline_config(config, task)
    found = find_finished(Path(single.runs), single.key(task.name))
    return SingleTask(single, found or baseline_folder(single, task.name))


def _results(
    network: SingleTask, task: Task, train: Callable[[Config, Data, RunFolder], dict]
) -> dict:
    config, folder = network.config, network.folder
    if results := folder.finished():
        print(f"baseline {task.name}: {folder.path}", flush=True)
        return results
    folder.check(config)
    data = build_data(config, only=task)
    with folder.claim(config):
        return folder.finished() or train(config, data, folder)
