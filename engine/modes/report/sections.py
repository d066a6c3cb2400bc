"""The page of a report, section by section, out of what the report says of its experiments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engine.modes.report.comparison import Comparison, Estimate
from engine.modes.report.contents import Contents
from engine.modes.report.experiments import Experiment, Row
from engine.modes.report.figures.bars import Interval, draw_differences, draw_shares
from engine.modes.report.figures.canvas import Figure, Panel
from engine.modes.report.figures.pareto import Axis, draw_pareto
from engine.modes.report.figures.predictions import (
    PictureTable,
    choose_losses,
    compare_predictions,
)
from engine.modes.report.figures.records import figures_of_records
from engine.modes.report.figures.styles import Style, assign_styles
from engine.modes.report.page import Section, render
from engine.modes.report.runs import Found, ReportRun
from engine.runs.columns import Column
from engine.runs.tables import SINGLE_TASK
from tasks import task_class
from utils.errors import UserError
from utils.text import count_of

Pair = tuple[str, str]
"""Two tasks."""


def report_page(found: Found, contents: Sequence[Contents], pareto: Pair | None = None) -> str:
    """The page as HTML.

    Args:
        contents: one an experiment.
        pareto: the tasks of the Pareto plot; of experiments without them, and by default, the
            first two.

    Raises:
        UserError: no experiment has these tasks, or Matplotlib is not installed.
    """
    if pareto and not any(set(pareto) <= set(one.experiment.tasks) for one in contents):
        known = dict.fromkeys(task for one in contents for task in one.experiment.tasks)
        raise UserError(
            f"--pareto {' '.join(pareto)}: no experiment has both tasks; there are "
            f"{', '.join(known)}"
        )
    runs = sum(len(one.experiment.runs) for one in contents)
    rows = sum(len(one.experiment.rows) for one in contents)
    subtitle = f"{count_of(len(contents), 'experiment')}, {count_of(runs, 'run')}"
    if rows != runs:
        subtitle += f" in {count_of(rows, 'row')}"
    return render("Report", subtitle, [_section(one, pareto) for one in contents], found.notes)


def _section(contents: Contents, pareto: Pair | None) -> Section:
    experiment, comparison = contents.experiment, contents.comparison
    ranked = [row.name for row in comparison.ranked]
    reference = comparison.reference.name if comparison.reference else None
    styles = assign_styles(ranked, reference)
    pictures, note = _predictions(comparison)
    figures = [
        _pareto(comparison, styles, pareto),
        *_differences(comparison, styles),
        _ranks(comparison, styles),
    ]
    return Section(
        experiment.title,
        _facts(experiment, reference),
        contents.warnings,
        comparison.floor,
        contents.tables,
        styles,
        [*(f for f in figures if f and f.panels), *figures_of_records(experiment, styles)],
        pictures,
        note,
        contents.provenance,
        contents.commands,
    )


def _facts(experiment: Experiment, reference: str | None) -> list[tuple[str, str]]:
    """What was compared, on what."""
    results = experiment.runs[0].results
    tested = ", ".join(f"{task} {images:,}" for task, images in results.test_images.items())
    facts = [
        ("tasks", ", ".join(experiment.tasks)),
        ("data", f"{_dataset(results.options)}{count_of(results.train_images, 'training image')}"),
        ("test images", tested),
        ("seeds", ", ".join(map(str, experiment.seeds))),
        ("runs", str(len(experiment.runs))),
    ]
    return facts + ([("reference", reference)] if reference else [])


def _dataset(options: str) -> str:
    """'NYU VOC, ', of a resolved cfg; nothing where it does not say."""
    match = re.search(r"^train_dataset *= *(.+)$", options, re.MULTILINE)
    return f"{match[1]}, " if match else ""


def _pareto(
    comparison: Comparison, styles: Mapping[str, Style], pair: Pair | None
) -> Figure | None:
    experiment = comparison.experiment
    if len(experiment.tasks) < 2:
        return None
    if pair is None or not set(pair) <= set(experiment.tasks):
        pair = (experiment.tasks[0], experiment.tasks[1])
    x, y = (Column(task, task_class(task).accuracy) for task in pair)
    points = {
        row.name: _points(row.runs, x, y) for row in reversed(comparison.ranked)
    }  # the best are drawn last, above the others
    fixed = _points(experiment.front, x, y)
    axes = (Axis(c.title, c.sign, _baseline(c, comparison)) for c in (x, y))
    panel = draw_pareto(*axes, points, styles, fixed)
    note = "Large: means; small: seeds. Dotted: the single-task networks."
    if fixed:
        note += (
            f" Dashed: the front of {count_of(len(fixed), 'run')} with other fixed weights, "
            "chosen by these very numbers."
        )
    return Figure(f"{pair[0]} against {pair[1]}", note, [panel] if panel else [])


def _points(runs: Sequence[ReportRun], x: Column, y: Column) -> list[tuple[float, float]]:
    """The two numbers of the runs that have both."""
    pairs = ((x.of(run.results), y.of(run.results)) for run in runs)
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def _baseline(column: Column, comparison: Comparison) -> float | None:
    """The mean of the single-task networks over the seeds; None where it is not known."""
    estimates = comparison.references.get(SINGLE_TASK)
    return estimates[comparison.columns.index(column)].mean if estimates else None


def _differences(comparison: Comparison, styles: Mapping[str, Style]) -> list[Figure]:
    """The differences in Δ_MTL, and folded those of the tasks; without Δ those of the tasks."""
    if comparison.reference is None:
        return []
    columns = comparison.columns
    whole = [index for index, column in enumerate(columns) if column == Column()]
    tasks = [
        index
        for index, column in enumerate(columns)
        if column.task and (column == Column(column.task) if whole else _is_accuracy(column))
    ]
    reference = comparison.reference.name
    note = (
        f"Paired by seed, with 95 % intervals; to the right is better than {reference}. "
        "Shaded, where it is known: what is noise."
    )
    title = f"Paired differences from {reference}"
    figures = [Figure(title, note, _intervals(comparison, styles, whole or tasks), legend=False)]
    if whole and len(tasks) > 1:
        panels = _intervals(comparison, styles, tasks)
        figures.append(Figure(f"{title} by task", note, panels, legend=False, folded=True))
    return figures


def _is_accuracy(column: Column) -> bool:
    return column.metric == task_class(column.task).accuracy


def _intervals(
    comparison: Comparison, styles: Mapping[str, Style], columns: Sequence[int]
) -> list[Panel]:
    """A panel a column, the best row on top."""
    panels = []
    for index in columns:
        title = comparison.columns[index].title.removesuffix(" ↑")
        intervals = [
            _interval(row, estimates[index])
            for row in comparison.ranked
            if (estimates := comparison.differences.get(row.name))
            and estimates[index].mean is not None
        ]
        unit = "percentage points" if title.endswith(" %") else "difference"
        floor = comparison.floors[index]
        panels.append(draw_differences(title.removesuffix(" %"), intervals, styles, unit, floor))
    return [panel for panel in panels if panel]


def _interval(row: Row, estimate: Estimate) -> Interval:
    seeds = list(estimate.values.values())
    return Interval(row.name, estimate.mean, estimate.low, estimate.high, seeds)


def _ranks(comparison: Comparison, styles: Mapping[str, Style]) -> Figure | None:
    """How often each row is the best one; nothing where there is one row."""
    shares = comparison.first_shares
    first = {row.name: share for row in comparison.ranked if (share := shares.get(row.name))}
    if len(comparison.ranked) < 2 or not first:
        return None
    seeds = count_of(len(comparison.common_seeds), "seed")
    over = f"samples of the {seeds}, drawn with replacement" if comparison.bootstrapped else seeds
    note = f"How often a row is first, over {over}."
    note += _listed(" Never", [name for name, share in shares.items() if not share])
    lacking = [row.name for row in comparison.ranked if row.name not in shares]
    note += _listed(" Not counted, as they lack a seed", lacking)
    panel = draw_shares("", first, styles, "% of the samples" if comparison.bootstrapped else "%")
    return Figure("How stable the first rank is", note, [panel] if panel else [], legend=False)


def _listed(what: str, names: Sequence[str]) -> str:
    """' Never: amtl, uw.', or how many where they are many; nothing of none."""
    if not names:
        return ""
    return f"{what}: {', '.join(names) if len(names) < 6 else count_of(len(names), 'row')}."


def _predictions(comparison: Comparison) -> tuple[list[PictureTable], str]:
    """The pictures of one seed, and which rows and seed these are."""
    ranked = [row.name for row in comparison.ranked]
    reference = comparison.reference.name if comparison.reference else None
    chosen = choose_losses(ranked, reference)
    rows = [row for row in comparison.ranked if row.name in chosen]
    seed = min(comparison.common_seeds or [rows[0].runs[0].seed])
    folders = {row.name: row.by_seed[seed].pictures for row in rows if seed in row.by_seed}
    files = {task: task.replace(":", "-") for task in comparison.experiment.tasks}
    which = "All rows" if len(chosen) == len(ranked) else "The best rows, the reference, the worst"
    note = f"{which}; seed {seed}. A grey truth: the image has no label for the task."
    tables = compare_predictions(folders, files)
    shown = {name for table in tables for name, _ in table.rows}
    note += _listed(" Without these pictures", [name for name in chosen if name not in shown])
    return tables, note
