"""Whether a dataset is where it should be, and where else it may be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from utils.errors import DataError

if TYPE_CHECKING:
    from datasets.base import Dataset

_MOST_FOLDERS = 200  # that are searched in one folder


def require_dataset(dataset: Dataset, root: Path) -> None:
    """Checks that a dataset is in its folder.

    Raises:
        DataError: it is not; says where it was looked for, and where it was found.
    """
    name, folder = dataset.name, root / dataset.folder
    if _holds(dataset, folder):
        return
    elsewhere = next((place for place in _nearby(folder) if _holds(dataset, place)), None)
    if elsewhere is None and folder.is_dir():
        return  # a part of it may be missing, which its reader tells
    if elsewhere is None:
        advice = (
            f"put it there, name its place by --dataset_root, or render a small one: python3 "
            f"scripts/render_scenes.py --root {root} --layout {name}"
        )
    else:
        place = elsewhere.resolve()
        if folder.is_dir():
            move = f"move what is in it to {folder}"
        elif place.name == folder.name:
            move = f"say --dataset_root {place.parent}"
        else:
            move = f"link it: ln -s {place} {folder.absolute()}"
        advice = f"it was found in {place}: {move}"
    raise DataError(
        f"the dataset {name} is not there: looked for the folder {folder} (dataset_root is "
        f"{root}); {advice}"
    )


def _holds(dataset: Dataset, folder: Path) -> bool:
    def has_any(signs: tuple[str, ...]) -> bool:
        return any((folder / sign).exists() for sign in signs)

    return has_any(dataset.signs) and not has_any(dataset.foreign_signs)


def _nearby(folder: Path) -> Iterator[Path]:
    """Where a dataset is likely to be that is not in `folder`: below it, next to it, above it."""
    root = folder.parent
    yield from _below(folder)
    yield from (root, root.parent)
    yield from _below(root)
    yield from _folders(root.parent)


def _below(folder: Path) -> Iterator[Path]:
    children = _folders(folder)
    yield from children
    for child in children:
        yield from _folders(child)


def _folders(folder: Path) -> list[Path]:
    try:
        inside = (entry for entry in folder.iterdir() if entry.is_dir())
        return sorted(islice(inside, _MOST_FOLDERS))
    except OSError:
        return []
