"""Numbers of things, and tables, in text."""

from __future__ import annotations

import re
from collections.abc import Sequence


def count_of(count: int, noun: str) -> str:
    """'1 label', '2,000 labels'."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns under one another: numbers to the right, words to the left."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"–|[+-]?\d[\d.]*( ± [\d.]+)?( %)?[ *]*", cell) is not None
