"""The files that a section's key names: those of a pattern, or those of a list."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from datasets.custom.patterns import matches
from datasets.custom.spelling import Spelling
from datasets.custom.tables import NO_FILES, cells_of, is_list, table_of
from datasets.listing import unquoted
from utils.errors import DataError


def find(folder: Path, source: str) -> dict[Hashable, str]:
    """The files that a pattern matches, by what its wildcards matched; or those that a list names,
    by their row, counted from 1. They are in order, each as it is called below the folder.

    Raises:
        DataError: there are none; a list cannot be read, or names a file elsewhere; two files of a
            pattern have one key.
    """
    if not is_list(source):
        return matches(folder, source)
    table, cells = cells_of(folder, source)
    spelling = Spelling(folder)
    files = {
        row: spelling.on_disk(unquoted(cell), table.place(row))
        for row, cell in enumerate(cells, 1)
        if cell not in NO_FILES
    }
    if not files:
        raise DataError(f"the list {table.path} names no file")
    return files


def row_count(folder: Path, source: str) -> int:
    """The number of files, or of `-`, in a list."""
    return len(table_of(folder, source).rows)


def place_of(folder: Path, source: str, row: int) -> str:
    """A row of a list, as an error names it: the file and the line."""
    return table_of(folder, source).place(row)
