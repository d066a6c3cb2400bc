"""Lists of images, and whether the files that they name are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from utils.errors import DataError

if TYPE_CHECKING:
    from datasets.base import Sample


def read_list(path: Path, columns: tuple[str, ...] = ("image",)) -> list[list[str]]:
    """Reads the first words of every line of a list of images, as many as there are `columns`,
    which name them. Lines without any word are skipped.

    Raises:
        DataError: the list is missing, unreadable or empty, or a line has too few words.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: the list of images is missing") from None
    except (OSError, UnicodeDecodeError) as reason:
        raise DataError(f"{path}: cannot be read as a list of images ({reason})") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if 0 < len(words) < len(columns):
            expected = " ".join(f"<{name}>" for name in columns)
            raise DataError(f"{path}:{number}: has {line.strip()!r}, a line says {expected}")
        if words:
            rows.append(words[: len(columns)])
    if not rows:
        raise DataError(f"{path}: the list of images is empty")
    return rows


def names_in(folder: Path) -> set[str]:
    """The names of the files in a folder; empty where there is no folder."""
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def require_samples(samples: Sequence[Sample]) -> None:
    """Checks that the files of all samples are there and not empty.

    Raises:
        DataError: some are not; names the first, and says where all images of a list are missing,
            which then is likely the list of another dataset.
    """
    by_list: dict[Path | None, list[Sample]] = {}
    for sample in samples:
        by_list.setdefault(sample.listed_in, []).append(sample)
    for listed_in, listed in by_list.items():
        images = [sample.image for sample in listed]
        labels = (file for s in listed for label in s.labels.values() for file in label.files)
        try:
            require_files(dict.fromkeys([*images, *labels]))
        except DataError:
            if listed_in is not None:
                _refuse_other_list(images, listed_in)
            raise


def require_files(paths: Iterable[Path]) -> None:
    """Checks that files are there and not empty. It lists their folders, which is far faster than
    asking for each file.

    Raises:
        DataError: some are not; names the first, and says how many there are.
    """
    paths = list(paths)
    sizes = {folder: _sizes_in(folder) for folder in {path.parent for path in paths}}
    stored = [sizes[path.parent].get(path.name) for path in paths]
    for fault, words in ((None, "missing"), (0, "empty")):
        faulty = [path for path, size in zip(paths, stored, strict=True) if size == fault]
        if faulty:
            count = f"{len(faulty)} of {len(paths)} are"
            raise DataError(f"{faulty[0]}: the file is {words} ({count})")


def _sizes_in(folder: Path) -> dict[str, int]:
    """The bytes of each file in a folder, by name; none where there is no folder."""
    sizes = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a link to nowhere
                sizes[entry.name] = entry.stat().st_size
    return sizes


def _refuse_other_list(images: Sequence[Path], listed_in: Path) -> None:
    """Raises a DataError where not a single image of a list is there."""
    folders = {image.parent for image in images}
    present = {folder: names_in(folder) for folder in folders}
    if any(image.name in present[image.parent] for image in images):
        return
    folder = min(folders)
    if not any(present.values()):
        more = "" if len(folders) == 1 else " and in others"
        raise DataError(
            f"{folder}: the folder is missing or empty; {listed_in} lists {len(images)} images in "
            f"it{more}"
        ) from None
    names = sorted(present[folder])
    example = f"{names[0]} and {len(names) - 1} others" if names else "nothing"
    raise DataError(
        f"none of the {len(images)} images that {listed_in} lists, such as {images[0].name}, is in "
        f"{folder}, which has {example}: is it the list of another dataset?"
    ) from None
