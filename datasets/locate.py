"""Whether a dataset is where it should be, and where else it may be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from datasets.base import Dataset, names_in, require_files
from utils.errors import DataError

_MOST = 200  # folders looked into, on either level


def require_dataset(dataset: Dataset, root: Path) -> None:
    """Checks that a dataset is in its folder.

    Raises:
        DataError: it is not; says where it was looked for, and where it was found.
    """
    name, folder = dataset.name, root / dataset.folder
    if _holds(dataset, folder):
        return
    elsewhere = next((at for at in _nearby(folder) if _holds(dataset, at)), None)
    if elsewhere is None and folder.is_dir():
        return  # part of it may be missing: its reader says what
    advice = (
        f"put it there, name its place by --dataset_root, or render a small one: python3 "
        f"scripts/render_scenes.py --root {root} --layout {name}"
    )
    if elsewhere is not None:
        at = elsewhere.resolve()
        if folder.is_dir():
            move = f"move what is in it to {folder}"
        elif at.name == folder.name:
            move = f"say --dataset_root {at.parent}"
        else:
            move = f"link it: ln -s {at} {folder.absolute()}"
        advice = f"it was found in {at}: {move}"
    raise DataError(
        f"the dataset {name} is not there: looked for the folder {folder} (dataset_root is "
        f"{root}); {advice}"
    )


def _holds(dataset: Dataset, folder: Path) -> bool:
    return any((folder / sign).exists() for sign in dataset.signs)


def _nearby(folder: Path) -> Iterator[Path]:
    """Where a dataset is likely to be that is not in `folder`: below it, beside it, above it."""
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
        return sorted(islice(inside, _MOST))
    except OSError:
        return []


def require_listed(
    images: list[Path], listed_in: Path, labels: list[Path] = (), missing_allowed: bool = False
) -> None:
    """Checks that the images of a list and their labels are there, unless `missing_allowed`.

    Raises:
        DataError: some are not; names one, and says when it is likely the list of other data.
    """
    try:
        require_files([*images, *labels], missing_allowed)
    except DataError:
        folders = {image.parent for image in images}
        present = {folder: names_in(folder) for folder in folders}
        if any(image.name in present[image.parent] for image in images):
            raise
        shown = min(folders)
        if not any(present.values()):
            raise DataError(
                f"{shown}: the folder is missing or empty; {listed_in} lists {len(images)} images "
                "in it" + ("" if len(folders) == 1 else " and in others")
            ) from None
        raise DataError(
            f"none of the {len(images)} images that {listed_in} lists, such as {images[0].name}, "
            f"is in {shown}, which has {_example(shown)}: is it the list of another dataset?"
        ) from None


def _example(folder: Path) -> str:
    names = sorted(names_in(folder))
    return f"{names[0]} and {len(names) - 1} others" if names else "nothing"
