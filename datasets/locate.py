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


def require_dataset(dataset: Dataset, root: Path) -> Path:
    """The folder that a dataset is in: the one of its name, else one of the other names in use.

    Raises:
        DataError: it is in none; says where it was looked for, and where it was found.
    """
    name, folders = dataset.name, [root / name for name in _names(dataset)]
    for place in folders:
        if _holds(dataset, place):
            return place
    folder, *_ = folders
    elsewhere = next((place for place in _nearby(folder) if _holds(dataset, place)), None)
    there = next((place for place in folders if place.is_dir()), None)
    if elsewhere is None and there is not None:
        return there  # a part of it may be missing, which its reader tells
    if elsewhere is None:
        advice = (
            f"put it there, name its place by --dataset_root, or render a small one: python3 "
            f"scripts/render_scenes.py --root {root} --layout {name}"
        )
    else:
        place = elsewhere.resolve()
        if there is not None:
            move = f"move what is in it to {there}"
        elif place.name in _names(dataset):
            move = f"say --dataset_root {place.parent}"
        else:
            move = f"link it: ln -s {place} {folder.absolute()}"
        advice = f"it was found in {place}: {move}"
    raise DataError(
        f"the dataset {name} is not there: looked for the folder {' or '.join(map(str, folders))} "
        f"(dataset_root is {root}); {advice}"
    )


def folder_in_words(dataset: Dataset, folder: Path) -> str:
    """Which of the folders of a dataset is read, and which others are there as well."""
    others = [folder.with_name(name) for name in _names(dataset) if name != folder.name]
    ignored = [place.name for place in others if _holds(dataset, place)]
    return f"{folder.name}, not {' or '.join(ignored)}" if ignored else folder.name


def _names(dataset: Dataset) -> tuple[str, ...]:
    return (dataset.folder, *dataset.other_folders)


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
