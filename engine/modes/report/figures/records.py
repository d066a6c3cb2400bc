"""The figures of what runs have recorded while they trained: losses, metrics, weights, gradients
and groups of tasks."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.modes.report.figures.canvas import Figure, Panel
from engine.modes.report.figures.curves import Curve, draw_curves
from engine.modes.report.figures.gradients import Columns, draw_gradients
from engine.modes.report.figures.styles import Style
from engine.modes.report.figures.task_groups import Affinities, draw_affinities, draw_groups
from engine.runs.deltas import DEFINITIONS, metrics_in_delta
from engine.runs.folder import RunFolder
from engine.runs.results import Results
from engine.runs.sweep_table import Column
from tasks import task_class

_MOST_WITH_GROUPS = 4
"""The groups of tasks are drawn of so many runs at most."""


@dataclass(frozen=True)
class Recorded:
    """A run with its records.

    Attributes:
        loss: the name of its row in the tables.
        epochs: the columns of `epochs.csv`; empty where there is none.
    """

    loss: str
    folder: RunFolder
    results: Results
    epochs: Columns

    def curve(self, column: str, scale: float = 1) -> Curve | None:
        """A column over the epochs."""
        if column not in self.epochs:
            return None
        values = [scale * value for value in self.epochs[column]]
        return Curve(self.loss, self.results.seed, self.epochs["epoch"], values)

    @property
    def x_label(self) -> str:
        """What the records call an epoch; see docs/runs.md on iterations."""
        return "period" if self.results.iterations else "epoch"


def read_run(loss: str, folder: RunFolder, results: Results) -> Recorded:
    """A run with the records that it has."""
    return Recorded(loss, folder, results, read_columns(folder.epochs))


def read_columns(path: Path) -> dict[str, list[float]]:
    """The columns of a table of numbers, NaN where a cell is empty; none where there is no file."""
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def figures_of_records(runs: Sequence[Recorded], styles: Mapping[str, Style]) -> list[Figure]:
    """The figures of one experiment for which there are records.

    Args:
        runs: one or more, all of the same tasks.
        styles: by loss.
    """
    tasks = runs[0].results.tasks
    accuracies = [(task, task_class(task).accuracy) for task in tasks]
    figures = [
        Figure(
            "Training losses",
            "Means over an epoch, before the weights of the tasks.",
            _panels(_draw(task, runs, styles, f"loss {task}") for task in tasks),
        ),
        Figure(
            "Accuracies on the validation images",
            "Dotted: the single-task network on the same images.",
            _panels(_draw_metric(task, name, runs, styles) for task, name in accuracies),
        ),
        Figure(
            "Achievements",
            "The accuracy over that of the single-task network, on the validation images. "
            "Dotted: as good as it.",
            _panels(_draw_achievement(task, name, runs, styles) for task, name in accuracies),
        ),
        Figure(
            "Further metrics on the validation images",
            "",
            _panels(_draw_metric(*column, runs, styles) for column in _further(tasks)),
            folded=True,
        ),
        Figure(
            "Weights of the tasks",
            "At the end of each epoch.",
            _panels(_draw(task, runs, styles, f"weight {task}") for task in tasks),
        ),
        *_gradients(runs, styles),
        _groups(runs),
    ]
    return [figure for figure in figures if figure.panels]


def _draw(
    title: str,
    runs: Sequence[Recorded],
    styles: Mapping[str, Style],
    column: str,
    scale: float = 1,
    level: float | None = None,
) -> Panel | None:
    curves = [curve for run in runs if (curve := run.curve(column, scale))]
    return draw_curves(title, curves, styles, runs[0].x_label, level)


def _draw_metric(
    task: str, metric: str, runs: Sequence[Recorded], styles: Mapping[str, Style]
) -> Panel | None:
    column = Column(task, metric)
    level = None
    if metric == task_class(task).accuracy and (potentials := _potentials(task, runs)):
        level = column.scale * statistics.fmean(potentials)
    return _draw(column.title, runs, styles, f"{task} {metric}", column.scale, level)


def _draw_achievement(
    task: str, metric: str, runs: Sequence[Recorded], styles: Mapping[str, Style]
) -> Panel | None:
    """Each run over the potential of its own seed."""
    curves = [
        curve
        for run in runs
        for potential in _potentials(task, [run])
        if (curve := run.curve(f"{task} {metric}", 1 / potential))
    ]
    return draw_curves(task, curves, styles, runs[0].x_label, 1.0)


def _potentials(task: str, runs: Iterable[Recorded]) -> list[float]:
    """The potentials of a task that runs can be divided by."""
    known = ((run.results.potential or {}).get(task) for run in runs)
    return [potential for potential in known if potential]


def _further(tasks: Sequence[str]) -> list[tuple[str, str]]:
    """The metrics that any definition of Δ looks at, but the accuracies."""
    columns = dict.fromkeys(
        (task, name)
        for task in tasks
        for definition in DEFINITIONS
        for name in metrics_in_delta(task_class(task), definition)
    )
    return [(task, name) for task, name in columns if name != task_class(task).accuracy]


def _gradients(runs: Sequence[Recorded], styles: Mapping[str, Style]) -> list[Figure]:
    tables = [(run.loss, run.results.seed, read_columns(run.folder.gradients)) for run in runs]
    cosines, norms = draw_gradients(
        [table for table in tables if table[2]], styles, runs[0].x_label
    )
    return [
        Figure(
            "Angles of the tasks' gradients",
            "The cosine of two gradients, means over the steps of an epoch; below the dotted line "
            "they conflict.",
            cosines,
        ),
        Figure("Lengths of the tasks' gradients", "", norms, folded=True),
    ]


def _groups(runs: Sequence[Recorded]) -> Figure:
    known = [affinities for run in runs if (affinities := _affinities(run))]
    panels = [
        draw(affinities)
        for affinities in known[:_MOST_WITH_GROUPS]
        for draw in (draw_groups, draw_affinities)
    ]
    note = (
        "Tasks with one letter are updated together. An affinity says by how much a step of the "
        "source (row) lowers the loss of the target (column): blue helps, brown hurts."
    )
    if len(known) > _MOST_WITH_GROUPS:
        note += f" The first {_MOST_WITH_GROUPS} of {len(known)} runs."
    return Figure("Groups of tasks", note, panels, legend=False)


def _affinities(run: Recorded) -> Affinities | None:
    """What `affinity.csv` says; None where there is none, or it is empty."""
    if not run.folder.affinity.is_file():
        return None
    with open(run.folder.affinity, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return None
    tasks = run.results.tasks
    of_task = {task: [row for row in rows if row["source"] == task] for task in tasks}
    return Affinities(
        f"{run.loss}, seed {run.results.seed}",
        [int(row["epoch"]) for row in of_task[tasks[0]]],
        {task: [int(row["group"]) for row in of_task[task]] for task in tasks},
        {
            source: {target: _number(of_task[source][-1][target]) for target in tasks}
            for source in tasks
        },
    )


def _panels(drawn: Iterable[Panel | None]) -> list[Panel]:
    return [panel for panel in drawn if panel is not None]


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan
