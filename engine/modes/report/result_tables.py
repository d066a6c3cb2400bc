"""The tables of a comparison: means, differences, Δ by every definition, and ranks."""

from __future__ import annotations

from collections.abc import Sequence

from engine.modes.report.comparison import Comparison, over_seeds
from engine.modes.report.statistics import RESAMPLES, Estimate
from engine.modes.report.tables import MISSING, Cell, Table
from engine.runs.columns import Column, is_for_readers
from engine.runs.deltas import DEFINITIONS


def result_tables(comparison: Comparison) -> list[Table]:
    """The tables of a comparison. Those that would say nothing, of one row or of runs that are
    compared with nothing, are left out."""
    results = comparison.experiment.runs[0].results.by(comparison.definition)
    shown, others = [], []
    for index, column in enumerate(comparison.columns):
        (shown if is_for_readers(column, results) else others).append(index)
    tables = [
        _means(comparison, "Results", shown),
        _differences(comparison, shown),
        _ranks(comparison),
        _deltas(comparison) if results.is_compared else None,
        _means(comparison, "Other metrics", others) if others else None,
    ]
    return [table for table in tables if table is not None]


def _means(comparison: Comparison, title: str, shown: Sequence[int]) -> Table:
    columns = comparison.columns
    rows = [
        [Cell(name), MISSING, *(_cell(columns[i], estimates[i]) for i in shown)]
        for name, estimates in comparison.references.items()
    ]
    for row in comparison.ranked:
        estimates = comparison.estimates[row.name]
        cells = (
            _cell(
                columns[i],
                estimates[i],
                best=comparison.is_best(row, i),
                untold=comparison.is_untold(row, i),
            )
            for i in shown
        )
        rows.append([Cell(row.name), _count(len(row.runs)), *cells])
    note = "Mean ± half of the 95 % interval over the seeds; bold: the best mean."
    if any(comparison.noises):
        reference = comparison.reference.name
        note += f" Grey, or in italics: the difference from {reference} is not above the noise."
    if comparison.experiment.runs[0].results.is_compared:
        note += f" Δ by delta_metrics = {comparison.definition}."
    return Table(title, ["", "seeds", *(columns[i].title for i in shown)], rows, note)


def _differences(comparison: Comparison, shown: Sequence[int]) -> Table | None:
    """The paired differences; None of one row."""
    if not comparison.differences:
        return None
    columns, reference = comparison.columns, comparison.reference.name
    rows = []
    for row in comparison.ranked:
        if differences := comparison.differences.get(row.name):
            cells = (
                _cell(columns[i], differences[i], "+", untold=comparison.is_untold(row, i))
                for i in shown
            )
            rows.append([Cell(row.name), _count(max(d.n for d in differences)), *cells])
    note = f"The row less {reference}, seed by seed: mean ± half of the 95 % interval."
    if any(comparison.noises):
        floors = ((columns[i], comparison.floors[i]) for i in shown)
        cells = (MISSING if f is None else Cell(_number(c, f), f) for c, f in floors)
        rows.append([Cell("noise"), _count(comparison.pairs), *cells])
        note += " Grey, or in italics: not above the noise, which is that of all rows together."
    titles = (columns[i].title for i in shown)
    return Table(f"Differences from {reference}", ["", "seeds", *titles], rows, note)


def _ranks(comparison: Comparison) -> Table | None:
    """How stable the order of the rows is; None where no two rows have a seed in common."""
    if not comparison.mean_ranks:
        return None
    rows = []
    for row in comparison.ranked:
        if (rank := comparison.mean_ranks.get(row.name)) is not None:
            percent = 100 * comparison.first_shares[row.name]
            rows.append(
                [Cell(row.name), Cell(f"{rank:.1f}", rank), Cell(f"{percent:.0f}", percent)]
            )
    note = f"Over the seeds {', '.join(map(str, comparison.common_seeds))}. First: in how many of "
    if comparison.bootstrapped:
        note += f"{RESAMPLES:,} samples of the seeds, drawn with replacement."
    else:
        note += "the seeds, which are too few to draw samples from."
    return Table("Ranks", ["", "mean rank", "first %"], rows, note)


def _deltas(comparison: Comparison) -> Table:
    """Δ_MTL and the Δ of each task by every definition."""
    columns = [
        Column(task, definition=definition)
        for definition in DEFINITIONS
        # Within a task, `flat` is `task`.
        for task in ("", *(comparison.experiment.tasks if definition != "flat" else ()))
    ]
    rows = [
        [Cell(row.name), *(_cell(column, over_seeds(row, column)) for column in columns)]
        for row in comparison.ranked
    ]
    note = "docs/runs.md says of which metrics each is the mean."
    return Table("Δ by every definition", ["", *(c.title for c in columns)], rows, note)


def _cell(
    column: Column, of: Estimate, sign: str = "", best: bool = False, untold: bool = False
) -> Cell:
    """A mean with its interval."""
    if of.mean is None:
        return MISSING
    text = _number(column, of.mean, sign)
    if of.half_width is not None:
        text += f" ± {_number(column, of.half_width)}"
    return Cell(text, of.mean, of.low, of.high, best, untold)


def _number(column: Column, value: float, sign: str = "") -> str:
    """With two digits after the point of percents, three of other units."""
    digits = 2 if column.scale == 100 or not column.metric else 3
    return f"{value:{sign}.{digits}f}"


def _count(number: int) -> Cell:
    return Cell(str(number), number)
