"""Images that a list names twice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

from datasets.custom.patterns import Names
from datasets.custom.sources import place_of
from datasets.formats import Label
from utils.errors import DataError


def once(
    images: Names, labels: Mapping[str, Mapping[Hashable, Label]], folder: Path, source: str
) -> Names:
    """The images of a list, each by the first row that names it.

    Args:
        labels: by task type and row.
        source: the list.

    Raises:
        DataError: two rows give an image different labels; names both lines.
    """
    first: dict[str, Hashable] = {}
    for row, name in images.items():
        if first.setdefault(name, row) == row:
            continue
        for task_type, by_row in labels.items():
            if _files(by_row, first[name]) != _files(by_row, row):
                places = (place_of(folder, source, r) for r in (first[name], row))
                raise DataError(
                    f"{' and '.join(places)} name the image {name} with different labels of "
                    f"{task_type}: remove one of the two"
                )
    return {row: name for name, row in first.items()}


def _files(labels: Mapping[Hashable, Label], row: Hashable) -> tuple[tuple[Path, ...], int] | None:
    label = labels.get(row)
    return label and (label.files, label.row)
