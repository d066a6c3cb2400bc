"""The tables of a report, the same as Markdown, LaTeX, CSV and on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: as people read it.
        value: what the column is sorted by and what a CSV file holds; None: the text.
        best: whether it is the best of its column.
        untold: whether it cannot be told apart from the reference, and is shown grey.
    """

    text: str
    value: float | None = None
    best: bool = False
    untold: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes:
        columns: the titles; the first column names the rows.
        rows: one cell a column.
        note: how it is read, in a sentence or two.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
