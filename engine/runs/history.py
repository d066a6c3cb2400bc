"""What a run has recorded, read again: the columns of its tables, and how its training ended."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks import task_class

Columns = Mapping[str, Sequence[float]]
"""The columns of a table by name, all of one length; NaN where a cell is empty."""

_END = 4  # the last of so many parts of a training


def read_columns(path: Path) -> Columns:
    """The columns of a table of numbers; none where there is no file."""
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def accuracies(epochs: Columns, task: str) -> list[float]:
    """A task's accuracy on the validation images after each evaluation, in percent.

    Args:
        epochs: the columns of `epochs.csv`.
    """
    values = epochs.get(f"{task} {task_class(task).accuracy}", ())
    return [100 * value for value in values if math.isfinite(value)]


def last_gain(values: Sequence[float]) -> float:
    """What a number gains over the last quarter of a training.

    Args:
        values: one an evaluation, one or more.
    """
    return values[-1] - values[len(values) - 1 - len(values) // _END]


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan
