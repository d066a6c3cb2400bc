"""The experiments of a report: runs that can be compared, one row a loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from engine.modes.report.runs import ReportRun
from engine.modes.report.settings import LOSS, Key, differing, in_words
from engine.runs.folder import CONFIG, cfg_name
from utils.option_names import DATASET

_COMMON = (
    *("train_dataset", "test_dataset", "val", "size", "aspect"),
    *("classes", "aliases", "left_out", "coarse_classes", "labelled_classes"),
    *("render_train", "render_val", "render_size", "render_seed"),
    *("arch", "backbone"),
)
"""The options of an experiment. Another value of another option makes a row of its own."""

PLAIN = "weighted-sum"
"""The loss of fixed weights, which others are compared with where nothing else is asked for."""


@dataclass(frozen=True, eq=False)
class Row:
    """The runs of one loss, one a seed.

    Attributes:
        name: 'amtl, lr 0.001': the loss, and the options in which the rows differ.
        runs: one a seed, sorted by it.
    """

    name: str
    runs: Sequence[ReportRun]

    @property
    def loss(self) -> str:
        """The name of the loss alone."""
        return self.runs[0].results.loss

    @property
    def by_seed(self) -> dict[int, ReportRun]:
        return {run.seed: run for run in self.runs}


@dataclass(frozen=True, eq=False)
class Experiment:
    """Runs of the same tasks, datasets, split, images and network.

    Attributes:
        title: the cfg, and where two have one, the options in which these differ.
        tasks: in the order of the cfg.
        rows: one a loss and combination of other options; those of the losses in the order of
            their names, weighted-sum first.
        singles: by task, the single-task networks that the runs are compared with, sorted by seed;
            empty where only their numbers are known.
        front: runs of weighted-sum with other fixed weights, which make no rows.
        repeats: runs that have options and seed of one in a row, and are left out.
    """

    title: str
    tasks: Sequence[str]
    rows: Sequence[Row]
    singles: Mapping[str, Sequence[ReportRun]]
    front: Sequence[ReportRun] = ()
    repeats: Sequence[ReportRun] = ()

    @property
    def seeds(self) -> list[int]:
        """Those of any row."""
        return sorted({run.seed for row in self.rows for run in row.runs})

    @property
    def runs(self) -> list[ReportRun]:
        """Those of all rows."""
        return [run for row in self.rows for run in row.runs]


def experiments_of(runs: Sequence[ReportRun]) -> list[Experiment]:
    """The experiments that runs belong to. Single-task runs are one of their own only where there
    is no multi-task experiment with their task on the same data, and none is compared with them."""
    groups: dict[tuple, list[ReportRun]] = {}
    for run in runs:
        groups.setdefault(_key(run), []).append(run)
    several = {(task, key[1:]) for key in groups if len(key[0]) > 1 for task in key[0]}
    singles = [run for run in runs if len(run.results.tasks) == 1]
    experiments = [_experiment(group, singles) for key, group in groups.items() if len(key[0]) > 1]
    baselines = {id(run) for e in experiments for of_task in e.singles.values() for run in of_task}
    for key, group in groups.items():
        is_alone = len(key[0]) == 1 and (key[0][0], key[1:]) not in several
        if is_alone and not all(id(run) in baselines for run in group):
            experiments.append(_experiment(group, singles))
    return _with_titles([experiment for experiment in experiments if experiment.rows])


def _key(run: ReportRun) -> tuple:
    """The tasks of a run, and the options that runs of one experiment have in common."""
    common = [(key, value) for key, value in run.settings.items() if _is_common(key)]
    return tuple(run.results.tasks), tuple(sorted(common))


def _is_common(key: Key) -> bool:
    return key[1] in _COMMON or key[0].partition(".")[0] == DATASET


def _experiment(runs: Sequence[ReportRun], singles: Sequence[ReportRun]) -> Experiment:
    tasks = runs[0].results.tasks
    kept, front = _without_front([run for run in runs if not run.is_trial])
    front += [run for run in runs if run.is_trial and run.results.loss == PLAIN]
    rows, repeats = _rows(kept)
    compared = [run for run in kept if run.results.is_compared]
    found = {task: [s for s in singles if any(_is_baseline(s, task, run) for run in compared)]
             for task in tasks}  # fmt: skip
    return Experiment(
        title=_title(kept),
        tasks=tasks,
        rows=rows,
        singles={task: sorted(of_task, key=_seed) for task, of_task in found.items() if of_task},
        front=front,
        repeats=repeats,
    )


def _is_baseline(single: ReportRun, task: str, run: ReportRun) -> bool:
    """Whether a single-task run is the one that a multi-task run was compared with: its results
    have the very numbers that the latter keeps of it."""
    [(name, metrics)] = single.results.metrics.items()
    same_type = name.partition(":")[0] == task.partition(":")[0]
    return same_type and metrics == run.results.baseline.get(task)


def _without_front(runs: Sequence[ReportRun]) -> tuple[list[ReportRun], list[ReportRun]]:
    """The runs for rows, and those of fixed weights where others have equal ones."""

    def weights(run: ReportRun) -> str:
        return run.settings.get((LOSS + PLAIN, "loss_weight"), "")

    fixed = [run for run in runs if run.results.loss == PLAIN]
    front = [run for run in fixed if weights(run)] if not all(map(weights, fixed)) else []
    return [run for run in runs if run not in front], front


def _rows(runs: Sequence[ReportRun]) -> tuple[list[Row], list[ReportRun]]:
    """The rows, and the runs that repeat one in a row."""
    keys = [key for key in differing([run.settings for run in runs]) if not key[0].startswith(LOSS)]
    by_loss: dict[str, list[ReportRun]] = {}
    for run in runs:
        by_loss.setdefault(run.results.described_loss, []).append(run)
    rows: dict[str, dict[int, ReportRun]] = {}
    repeats = []
    for loss in sorted(by_loss, key=lambda loss: (loss != PLAIN, loss)):
        of_loss = by_loss[loss]
        own = [k for k in differing([run.settings for run in of_loss]) if k[0].startswith(LOSS)]
        for run in sorted(of_loss, key=lambda run: len(run.folder.path.name)):
            row = rows.setdefault(loss + in_words(run.settings, [*keys, *own]), {})
            if row.setdefault(run.seed, run) is not run:
                repeats.append(run)
    return [Row(name, sorted(row.values(), key=_seed)) for name, row in rows.items()], repeats


def _seed(run: ReportRun) -> int:
    return run.seed


def _title(runs: Sequence[ReportRun]) -> str:
    """The cfg that most of some runs were made with."""
    names = Counter(map(_cfg, runs))
    return names.most_common(1)[0][0] if names else ""


def _cfg(run: ReportRun) -> str:
    """What the cfg of a run is called. One that the program has written, in the folder of a run or
    at the end of a search, is of the cfg that the folders around it are called by."""
    path = PurePath(run.results.cfg)
    inner = 3 if path.name == CONFIG else 2 if path.parent.name == "search" else 0
    if len(path.parts) <= inner:
        return run.folder.path.parents[1].name
    return str(PurePath(*path.parts[:-inner]) if inner else cfg_name(str(path)))


def _with_titles(experiments: Sequence[Experiment]) -> list[Experiment]:
    """The experiments, those of one title with the options in which they differ."""
    by_title: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        by_title.setdefault(experiment.title, []).append(experiment)
    return [_told_apart(experiment, by_title[experiment.title]) for experiment in experiments]


def _told_apart(experiment: Experiment, others: Sequence[Experiment]) -> Experiment:
    if len(others) == 1:
        return experiment
    settings = [other.runs[0].settings for other in others]
    keys = [key for key in differing(settings) if _is_common(key)]
    title = experiment.title
    if len({tuple(other.tasks) for other in others}) > 1:
        title += f", {' '.join(experiment.tasks)}"
    return replace(experiment, title=title + in_words(experiment.runs[0].settings, keys))
