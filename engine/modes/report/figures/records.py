"""The figures of what runs have recorded while they trained: losses, metrics, weights, gradients
and groups of tasks."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence

from engine.modes.report.experiments import Experiment
from engine.modes.report.figures.canvas import Figure, Panel
from engine.modes.report.figures.curves import Curve, draw_curves
from engine.modes.report.figures.gradients import draw_gradients
from engine.modes.report.figures.styles import Style
from engine.modes.report.figures.task_groups import Affinities, draw_affinities, draw_groups
from engine.modes.report.runs import ReportRun
from engine.runs.columns import Column
from engine.runs.deltas import DEFINITIONS, metrics_in_delta
from tasks import task_class
from utils.errors import UserError

_MOST_WITH_GROUPS = 4
"""The groups of tasks are drawn of so many runs at most."""


Rows = Sequence[tuple[str, ReportRun]]
"""The runs of an experiment, each with the name of its row."""


def figures_of_records(experiment: Experiment, styles: Mapping[str, Style]) -> list[Figure]:
    """The figures of one experiment for which there are records.

    Args:
        styles: by name of a row.
    """
    tasks = experiment.tasks
    runs = [(row.name, run) for row in experiment.rows for run in row.runs]
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
    runs: Rows,
    styles: Mapping[str, Style],
    column: str,
    scale: float = 1,
    level: float | None = None,
) -> Panel | None:
    curves = [curve for name, run in runs if (curve := _curve(name, run, column, scale))]
    return draw_curves(title, curves, styles, _x_label(runs), level)


def _draw_metric(task: str, metric: str, runs: Rows, styles: Mapping[str, Style]) -> Panel | None:
    column = Column(task, metric)
    level = None
    if metric == task_class(task).accuracy and (
        potentials := _potentials(task, [run for _, run in runs])
    ):
        level = column.scale * statistics.fmean(potentials)
    return _draw(column.title, runs, styles, f"{task} {metric}", column.scale, level)


def _draw_achievement(
    task: str, metric: str, runs: Rows, styles: Mapping[str, Style]
) -> Panel | None:
    """Each run over the potential of its own seed."""
    curves = [
        curve
        for name, run in runs
        for potential in _potentials(task, [run])
        if (curve := _curve(name, run, f"{task} {metric}", 1 / potential))
    ]
    return draw_curves(task, curves, styles, _x_label(runs), 1.0)


def _curve(name: str, run: ReportRun, column: str, scale: float) -> Curve | None:
    """A column of `epochs.csv`; None where the run has none."""
    if not {"epoch", column} <= run.epochs.keys():
        return None
    return Curve(name, run.seed, run.epochs["epoch"], [scale * v for v in run.epochs[column]])


def _x_label(runs: Rows) -> str:
    """What the records call an epoch; see docs/runs.md on iterations."""
    return "period" if runs[0][1].results.iterations else "epoch"


def _potentials(task: str, runs: Iterable[ReportRun]) -> list[float]:
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


def _gradients(runs: Rows, styles: Mapping[str, Style]) -> list[Figure]:
    tables = [(name, run.seed, run.gradients) for name, run in runs if "epoch" in run.gradients]
    cosines, norms = draw_gradients(tables, styles, _x_label(runs))
    return [
        Figure(
            "Angles of the tasks' gradients",
            "The cosine of two gradients, means over the steps of an epoch; below the dotted line "
            "they conflict.",
            cosines,
        ),
        Figure("Lengths of the tasks' gradients", "", norms, folded=True),
    ]


def _groups(runs: Rows) -> Figure:
    known = [affinities for run in runs if (affinities := _affinities(*run))]
    panels = [
        draw(affinities)
        for affinities in known[:_MOST_WITH_GROUPS]
        for draw in (draw_groups, draw_affinities)
    ]
    note = (
        "Tasks with one letter are updated together. An affinity says by how much a step of the "
        "source (row) lowers the loss of the target (column): a positive one, in blue, helps."
    )
    if len(known) > _MOST_WITH_GROUPS:
        note += f" The first {_MOST_WITH_GROUPS} of {len(known)} runs."
    return Figure("Groups of tasks", note, panels, legend=False)


def _affinities(name: str, run: ReportRun) -> Affinities | None:
    """What `affinity.csv` says; None where there is none, or it is empty.

    Raises:
        UserError: the file is damaged.
    """
    path, tasks = run.folder.affinity, run.results.tasks
    if not path.is_file():
        return None
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        of_task = {task: [row for row in rows if row["source"] == task] for task in tasks}
        epochs = [int(row["epoch"]) for row in of_task[tasks[0]]]
        groups = {task: [int(row["group"]) for row in of_task[task]] for task in tasks}
        if {len(of_epochs) for of_epochs in groups.values()} != {len(epochs)}:
            raise ValueError
        last = {
            source: {target: float(of_task[source][-1][target]) for target in tasks}
            for source in tasks
            if epochs
        }
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{path} is damaged; a report does without it where it is removed"
        ) from None
    return Affinities(f"{name}, seed {run.seed}", epochs, groups, last) if epochs else None


def _panels(drawn: Iterable[Panel | None]) -> list[Panel]:
    return [panel for panel in drawn if panel is not None]
