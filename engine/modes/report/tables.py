"""The tables of a report, the same as Markdown, LaTeX, CSV and on the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from utils.latex import latex_text, tabular


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: as people read it.
        value: what the column is sorted by and what a CSV file holds; None: the text.
        low, high: the 95 % interval of the value, where there is one.
        best: whether it is the best of its column.
        untold: whether it cannot be told apart from the reference, and is shown grey.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    best: bool = False
    untold: bool = False


MISSING = Cell("–")


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


@dataclass(frozen=True)
class Chapter:
    """The tables of an experiment.

    Attributes:
        title: of the experiment.
        warnings: sentences that come first.
        tables: the results.
        provenance: where they come from.
    """

    title: str
    warnings: Sequence[str]
    tables: Sequence[Table]
    provenance: Sequence[Table] = ()

    @property
    def all_tables(self) -> list[Table]:
        return [*self.tables, *self.provenance]


def markdown(chapters: Iterable[Chapter]) -> str:
    """Warnings and all tables: the best of a column in bold, what cannot be told apart from the
    reference in italics."""
    blocks = []
    for chapter in chapters:
        blocks.append(f"# {_escaped(chapter.title)}")
        blocks.append("\n".join(f"- {_escaped(warning)}" for warning in chapter.warnings))
        for table in chapter.all_tables:
            lines = [
                _pipes(map(_escaped, table.columns)),
                _pipes(["---", *["---:"] * (len(table.columns) - 1)]),
                *(_pipes(map(_markdown_cell, row)) for row in table.rows),
            ]
            blocks += [f"## {_escaped(table.title)}", _escaped(table.note), "\n".join(lines)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def latex(chapters: Iterable[Chapter]) -> str:
    """The results for the package booktabs, marked likewise."""
    blocks = []
    for chapter in chapters:
        for table in chapter.tables:
            rows = [[_latex_cell(cell) for cell in row] for row in table.rows]
            blocks.append(
                f"% {chapter.title}: {table.title}\n"
                + tabular(list(map(latex_text, table.columns)), [rows])
            )
    return "\n".join(blocks)


def as_csv(chapters: Iterable[Chapter]) -> str:
    """All tables, a line a cell, so that one file holds them all: experiment, table, row, column,
    value, its interval, and the text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["experiment", "table", "row", "column", "value", "low", "high", "text"])
    for chapter in chapters:
        for table in chapter.all_tables:
            for name, *cells in table.rows:
                for column, cell in zip(table.columns[1:], cells, strict=True):
                    place = (chapter.title, table.title, name.text, column)
                    numbers = map(_plain, (cell.value, cell.low, cell.high))
                    writer.writerow([*place, *numbers, cell.text])
    return file.getvalue()


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    if cell.best:
        text = f"**{text}**"
    return f"*{text}*" if cell.untold else text


def _latex_cell(cell: Cell) -> str:
    text = latex_text(cell.text)
    if cell.best:
        text = rf"\textbf{{{text}}}"
    return rf"\textit{{{text}}}" if cell.untold else text


def _escaped(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    for character in r"\`*_|<[":
        text = text.replace(character, f"\\{character}")
    return text


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
