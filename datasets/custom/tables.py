"""The texts that name the files of a dataset: lists of a path a line, columns of words, CSVs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.custom.patterns import has_wildcards, literal
from datasets.formats.decoding import decoding
from datasets.formats.text_files import read_text
from datasets.listing import MOST_BYTES_OF_A_LIST, read_lines, unquoted, words_of
from utils.errors import DataError
from utils.option import nearest

NO_FILE = "-"
"""In a list of labels: this image has none."""

NO_FILES = (NO_FILE, "None", "")
"""In a column: all that says so."""

_SOURCE = re.compile(r"(?P<file>.+\.(?P<kind>txt|csv|tsv))(?::(?P<column>.+))?", re.IGNORECASE)
_DELIMITERS = ",;\t"


def is_list(source: str) -> bool:
    """Whether it is the name of a list of files, or of a column of one."""
    return _SOURCE.fullmatch(source) is not None and not has_wildcards(source)


def has_columns(source: str) -> bool:
    """Whether it names a column of a list."""
    return is_list(source) and _SOURCE.fullmatch(source)["column"] is not None


def list_path(folder: Path, source: str) -> Path:
    """The file of a list, or of a column of one."""
    return folder / literal(_SOURCE.fullmatch(source)["file"])


def other_column(source: str, column: str) -> str:
    """Another column of the same list."""
    return f"{_SOURCE.fullmatch(source)['file']}:{column}"


@dataclass(frozen=True)
class Table:
    """The rows of a list of files, in the order of the file.

    Attributes:
        path: the file.
        header: the names of a CSV's columns; of a text without a header, none.
        rows: the cells of each row.
        lines: the line of the file that each row ends in.
    """

    path: Path
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    def cells(self, column: str) -> list[str]:
        """The cell of each row in a column, which is a name in the header or a number from 1 on.

        Raises:
            DataError: there is no such column, or it is named twice.
        """
        at = self._place_of(column)
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) <= at:
                raise DataError(
                    f"{self.path}:{line}: has {len(row)} words, and column {column} is asked for"
                )
        return [row[at] for row in self.rows]

    def place(self, row: int) -> str:
        """A row, counted from 1, as an error names it: the file and the line."""
        return f"{self.path}:{self.lines[row - 1]}"

    def _place_of(self, column: str) -> int:
        if not self.header:
            if column.isascii() and column.isdigit() and int(column) > 0:
                return int(column) - 1
            raise DataError(
                f"{self.path} has no header: its columns are numbers from 1 on, not '{column}'"
            )
        if column not in self.header:
            raise DataError(
                f"{self.path} has no column '{column}', but {', '.join(self.header)}"
                f"{nearest(column, self.header) if len(self.header) > 1 else ''}"
            )
        if self.header.count(column) > 1:
            raise DataError(f"{self.path} has several columns '{column}': rename one")
        return self.header.index(column)


def table_of(folder: Path, source: str) -> Table:
    """The list that a source names.

    Raises:
        DataError: it is missing, empty or cannot be read; names its line.
    """
    parts = _SOURCE.fullmatch(source)
    path = list_path(folder, source)
    if parts["kind"].lower() != "txt":
        return _csv_table(path)
    lines = _lines(path)
    columns = [words_of(line) if parts["column"] else [unquoted(line)] for line in lines]
    return Table(path, (), columns, range(1, len(lines) + 1))


def cells_of(folder: Path, source: str) -> tuple[Table, list[str]]:
    """The list that a source names, and the cell of each of its rows in the column that it names.

    Raises:
        DataError: as :func:`table_of`, or a CSV stands there without a column.
    """
    table, column = table_of(folder, source), _SOURCE.fullmatch(source)["column"]
    if column is None and table.header:
        raise DataError(
            f"{table.path} has the columns {', '.join(table.header)}: name one, as in "
            f"{source}:{table.header[0]}"
        )
    return table, table.cells(column or "1")


def _lines(path: Path) -> list[str]:
    """The lines of a list without blanks around them.

    Raises:
        DataError: it is missing, unreadable or empty, or a line is empty.
    """
    lines = [line.strip() for line in read_lines(path)]
    while lines and not lines[-1]:
        del lines[-1]
    if not lines:
        raise DataError(f"the list {path} is empty")
    if "" in lines:
        number = lines.index("") + 1
        raise DataError(f"{path}:{number}: the line is empty; `{NO_FILE}` says that there is none")
    return lines


def _csv_table(path: Path) -> Table:
    text = read_text(path, "a CSV", MOST_BYTES_OF_A_LIST)
    delimiter = _delimiter(text, path)
    with decoding(path, "a CSV"):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [([cell.strip() for cell in row], reader.line_num) for row in reader if row]
    if len(rows) < 2:
        raise DataError(f"{path}: the CSV has no row below its header")
    header = tuple(rows[0][0])
    for row, line in rows:
        if len(row) != len(header):
            raise DataError(
                f"{path}:{line}: has {len(row)} cells, and the header {len(header)}; a cell that "
                "holds the delimiter stands in double quotes"
            )
    return Table(path, header, [row for row, _ in rows[1:]], [line for _, line in rows[1:]])


def _delimiter(text: str, path: Path) -> str:
    """The delimiter of a CSV: the one that parts its header."""
    header = text.lstrip().partition("\n")[0]
    without_quoted = re.sub(r'"[^"]*"', "", header)
    present = [delimiter for delimiter in _DELIMITERS if delimiter in without_quoted]
    if len(present) > 1:
        raise DataError(
            f"{path}:1: the header holds several of the delimiters , ; and tab: keep one"
        )
    return present[0] if present else _DELIMITERS[0]
