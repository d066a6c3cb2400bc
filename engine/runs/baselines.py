"""The single-task networks that a multi-task network is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine.runs.cost import Cost
from engine.runs.data import Data, build_data
from engine.runs.folder import RunFolder
from engine.runs.identity import baseline_identity, differences, key_of, protocol_of
from engine.runs.keeper import Keeper
from engine.runs.network import check_batch_size, number_of_maps
from engine.runs.results import Results
from losses.presets import DistilledLoss
from tasks import Task
from utils.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from engine.config import Config

TrainRun = Callable[["Config", Data, RunFolder, Ranks], Results]
"""Trains and tests a run of a single task in a folder, by several processes together."""


@dataclass
class Baselines:
    """What a multi-task network is compared with.

    Attributes:
        potential: by task, the accuracy on the validation set that achievements are relative to.
        metrics: by task, the metrics on the test set that Δ is relative to.
        cost: of the single-task networks together; None where the potentials were given.
        checkpoints: by task, the best checkpoint of the single-task network; empty where the
            potentials were given.
    """

    potential: dict[str, float]
    metrics: dict[str, dict[str, float | None]]
    cost: Cost | None = None
    checkpoints: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class SingleTask:
    """A task's single-task run: its cfg, its data, and what decides how it comes out."""

    config: Config
    data: Data
    identity: dict[str, Any]

    @property
    def key(self) -> str:
        """The digest of the identity."""
        return key_of(self.identity)

    @property
    def folder(self) -> RunFolder:
        """`<runs>/baselines/<task>-<key>`."""
        name = f"{self.data.tasks[0].file_name}-{self.key}"
        return RunFolder(baselines_root(self.config) / name)


def check_potential(config: Config) -> None:
    """Checks that accuracies are enough, where the cfg gives them.

    Raises:
        ConfigError: the loss, or what labels images, needs the single-task networks themselves.
    """
    if config.comparison.potential and (pupil := _pupil(config)):
        raise config.error(
            "potential",
            f"with accuracies given no baseline is trained, and {pupil} needs them all as "
            "teachers; leave `potential` out",
        )


def _pupil(config: Config) -> str:
    """What in a cfg needs the single-task networks as teachers; empty where nothing does."""
    if issubclass(config.run.loss.part, DistilledLoss):
        return config.run.loss.name
    return "missing = teacher" if config.data.missing.build().weight else ""


def given_potentials(config: Config, tasks: Sequence[Task]) -> Baselines | None:
    """The numbers of `potential`, used as they are; None where the cfg gives none.

    Raises:
        ConfigError: the cfg does not give one a task.
    """
    numbers = config.comparison.potential
    if not numbers:
        return None
    if len(numbers) != len(tasks):
        names = " ".join(task.name for task in tasks)
        raise config.error(
            "potential", f"gives {len(numbers)} numbers for the {len(tasks)} tasks {names}"
        )
    potential = {task.name: value for task, value in zip(tasks, numbers, strict=True)}
    return Baselines(
        potential, {task.name: {task.accuracy: potential[task.name]} for task in tasks}
    )


def single_tasks(
    config: Config, tasks: Sequence[Task], ranks: Ranks = ALONE
) -> dict[str, SingleTask]:
    """The single-task runs that a cfg is compared with, by task. Every cfg is looked at before the
    first network is trained.

    Raises:
        UserError: see `utils.errors`.
    """
    singles = ranks.first_before_others(lambda: {t.name: _single_task(config, t) for t in tasks})
    if ranks.first:
        for name, single in singles.items():
            _tell_other_images(config, name, single.config)
    if needs_features(config):
        _check_teachable(config, tasks, singles)
    return singles


def trained_baselines(
    config: Config, singles: Mapping[str, SingleTask], train: TrainRun, ranks: Ranks = ALONE
) -> Baselines:
    """The results of single-task networks, by task. Those that no run below `runs` has finished
    are trained.

    Raises:
        UserError: see `utils.errors`.
    """
    runs = {name: find_or_train(single, train, ranks) for name, single in singles.items()}
    if _pupil(config):
        for folder, _ in runs.values():
            keeper = Keeper(folder, {}, print)
            ranks.from_first(partial(_restore, keeper))
    results = {name: results for name, (_, results) in runs.items()}
    return Baselines(
        potential={
            name: _number(results[name].validation[single.data.tasks[0].accuracy])
            for name, single in singles.items()
        },
        metrics={name: next(iter(run.metrics.values())) for name, run in results.items()},
        cost=Cost(
            sum(run.parameters for run in results.values()),
            sum(run.gmacs for run in results.values()),
        ),
        checkpoints={name: folder.best for name, (folder, _) in runs.items()},
    )


def single_task(config: Config, data: Data) -> SingleTask:
    """The run of a cfg with one task."""
    return SingleTask(config, data, baseline_identity(config, data))


def find_or_train(
    single: SingleTask, train: TrainRun, ranks: Ranks = ALONE
) -> tuple[RunFolder, Results]:
    """The finished run of a single task and its results; trained where there is none."""
    if folder := ranks.from_first(lambda: _find(single)):
        return folder, folder.finished()
    folder = single.folder
    with ranks.first_within(folder.lock(single.config)):
        results = ranks.from_first(folder.finished)
        return folder, results or train(single.config, single.data, folder, ranks)


def _find(single: SingleTask) -> RunFolder | None:
    """The folder of a finished run, or None; says why it is trained anew."""
    name = single.data.tasks[0].name
    if folder := find_finished(single):
        return folder
    if other := _nearest_other(single):
        path, options = other
        print(f"baseline {name} is trained anew: {path} has other {', '.join(options)}", flush=True)
    return None


def _restore(keeper: Keeper) -> None:
    """Restores the best checkpoint of a run where it is damaged."""
    keeper.load_best(torch.device("cpu"))


def find_finished(single: SingleTask) -> RunFolder | None:
    """The folder of a finished run of the same identity, wherever below `runs` it lies."""
    key, identity = single.key, single.identity
    for path in sorted(Path(single.config.run.runs).glob("**/results.json")):
        results = Results.read(path)
        if results and results.baseline_key == key and not differences(identity, results.identity):
            return RunFolder(path.parent)
    return None


def baseline_config(config: Config, task: Task) -> Config:
    """The cfg of a task's single-task network: the one of `baselines` that is for this task, else
    the same cfg with this task alone. Its training images keep the labels that they keep for the
    multi-task network.

    Raises:
        ConfigError: a named cfg cannot be read or has several tasks, or says that its images keep
            other labels; or none is for the task.
    """
    from engine.config import read_baseline

    if not config.comparison.baselines:
        [choice] = [c for c in config.run.tasks if c.name == task.task_type]
        return config.single_task(choice)
    for path in config.comparison.baselines:
        single = read_baseline(path, config)
        if len(single.run.tasks) != 1:
            raise config.error(
                "baselines", f"{path} has {len(single.run.tasks)} tasks, a baseline has one"
            )
        if single.run.tasks[0].name == task.task_type:
            return _with_protocol(single.single_task(single.run.tasks[0]), config)
    raise config.error("baselines", f"none of the cfgs it names is for {task.task_type}")


def _with_protocol(single: Config, config: Config) -> Config:
    """The cfg of a baseline with the protocol of the multi-task network."""
    if protocol_of(single) == protocol_of(config):
        return single
    if "protocol" in single.places:
        raise single.error(
            "protocol",
            f"a baseline learns from the labels that the network of {config.path} has; leave the "
            "protocol out here, or say the same there",
        )
    return replace(single, data=single.data.with_values(protocol=config.data.protocol))


def baselines_root(config: Config) -> Path:
    return Path(config.run.runs) / "baselines"


def _single_task(config: Config, task: Task) -> SingleTask:
    single = baseline_config(config, task)
    data = build_data(single, only=_task_of(single, task))
    check_batch_size(single, data.tasks, len(data.train))
    return single_task(single, data)


def _task_of(single: Config, task: Task) -> Task:
    """The task with the options of its own cfg."""
    return single.run.tasks[0].build(task.classes, task.dataset, task.coarse_classes)


def _nearest_other(single: SingleTask) -> tuple[Path, list[str]] | None:
    """The finished baseline of the same task and cfg that differs in the fewest options, and
    these."""
    name = single.data.tasks[0].name
    others = []
    for path in sorted(baselines_root(single.config).glob("*/results.json")):
        results = Results.read(path)
        same = results and results.identity and results.cfg == str(single.config.path)
        if same and results.tasks == [name]:
            others.append((path.parent, differences(single.identity, results.identity)))
    return min(others, key=lambda other: len(other[1]), default=None)


def _tell_other_images(config: Config, name: str, single: Config) -> None:
    """Tells where the baseline of a task is measured on other images than the multi-task network,
    or sees them in another shape."""
    if single.data.val != config.data.val:
        print(
            f"baseline {name}: its accuracy is measured with val = {single.data.val}, that of "
            f"the multi-task network with val = {config.data.val}; --val sets both",
            flush=True,
        )
    if single.data.aspect != config.data.aspect:
        print(
            f"note: {single.path}, the baseline of {name}, has aspect = {single.data.aspect}, and "
            f"{config.path} aspect = {config.data.aspect}: they see images of other shapes",
            flush=True,
        )


def needs_features(config: Config) -> bool:
    """Whether the loss compares features with those of the single-task networks."""
    loss = config.run.loss
    return issubclass(loss.part, DistilledLoss) and bool(loss.value("distance_weight"))


def _check_teachable(config: Config, tasks: Sequence[Task], singles: dict[str, SingleTask]) -> None:
    """Checks, before any network is trained, that the features can be compared map by map.

    Raises:
        ConfigError: a teacher has more or fewer shared maps than the multi-task network.
    """
    ours = number_of_maps(config, tasks)
    for task in tasks:
        single = singles[task.name].config
        if (number := number_of_maps(single, [task])) != ours:
            names = f"{single.network.arch.name} {single.network.backbone.name}"
            our_names = f"{config.network.arch.name} {config.network.backbone.name}"
            way_out = "take the same architecture for both"
            if single.network.arch.name == config.network.arch.name:
                way_out = (
                    "take an architecture that has as many for one task as for several, such as "
                    "DeepLab or MMoE"
                )
            raise config.error(
                "loss",
                f"{config.run.loss.name} compares shared features map by map, but {names}, the "
                f"single-task network of {task.name}, has {number} and {our_names} has {ours}; "
                f"{way_out}",
            )


def _number(value: float | None) -> float:
    """An accuracy; NaN where there was nothing to measure."""
    return math.nan if value is None else value
