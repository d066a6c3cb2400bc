"""What a dataset is to the rest of the program: names of files, and what is said of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from utils.errors import DataError


class LabelInFile(Protocol):
    """A label that is more than a file of the image's own: one of many in a COCO JSON, or one that
    takes a second file to read, as disparities do that of the camera.

    Attributes:
        file: what it is in.
        beside: the other files.
    """

    file: Path
    beside: tuple[Path, ...]


Label = Path | LabelInFile
"""What `Task.read` reads: mostly a file of the image's own."""


@dataclass(frozen=True)
class Sample:
    """An image, and its labels by task kind ('depth': …); no entry, no label."""

    image: Path
    labels: Mapping[str, Label]


@dataclass(frozen=True)
class Source:
    """A split of one dataset.

    Attributes:
        name: the dataset's name in a cfg.
        samples: its images, in a fixed order.
        classes: the class names of its tasks that have classes, by kind.
        storage: how its label files are to be read, by kind: keyword arguments of `Task.read`.
    """

    name: str
    samples: tuple[Sample, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    storage: Mapping[str, Mapping] = field(default_factory=dict)


def label_file(label: Label) -> Path:
    """The file that a label is in."""
    return label if isinstance(label, Path) else label.file


def label_files(label: Label) -> tuple[Path, ...]:
    """All files that a label is read from."""
    return (label,) if isinstance(label, Path) else (label.file, *label.beside)


def read_list(path: Path, columns: tuple[str, ...] = ("image",)) -> list[list[str]]:
    """The first words of every line that has any, of a list of images: as many as `columns`, which
    says what they are.

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
            wanted = " ".join(f"<{name}>" for name in columns)
            raise DataError(f"{path}:{number}: has {line.strip()!r}, a line says {wanted}")
        if words:
            rows.append(words[: len(columns)])
    if not rows:
        raise DataError(f"{path}: the list of images is empty")
    return rows


def names_in(folder: Path) -> set[str]:
    """The names of the files in a folder, empty where there is no folder: one look at the disk
    tells which of a long list's files are there."""
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


_MISSING_ALLOWED = ContextVar("missing files are allowed", default=False)


@contextmanager
def missing_files_allowed() -> Iterator[None]:
    """Within it, datasets are listed with the files that are not there: for who reads every one of
    them anyway, and wants to name all that are missing."""
    token = _MISSING_ALLOWED.set(True)
    try:
        yield
    finally:
        _MISSING_ALLOWED.reset(token)


def require_files(paths: list[Path]) -> None:
    """Checks that files that a list promises are there and not empty, unless
    :func:`missing_files_allowed`. It lists their folders, far faster than asking for each file.

    Raises:
        DataError: some are not; names the first, and says how many there are.
    """
    if _MISSING_ALLOWED.get():
        return
    sizes = {folder: _sizes_in(folder) for folder in {path.parent for path in paths}}
    found = [sizes[path.parent].get(path.name) for path in paths]
    for fault, what in ((None, "missing"), (0, "empty")):
        faulty = [path for path, size in zip(paths, found, strict=True) if size == fault]
        if faulty:
            many = f"{len(faulty)} of {len(paths)} are"
            raise DataError(f"{faulty[0]}: the file is {what} ({many})")


def _sizes_in(folder: Path) -> dict[str, int]:
    """The bytes of each file in a folder, by name; none where there is no folder."""
    sizes = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a link to nowhere
                sizes[entry.name] = entry.stat().st_size
    return sizes
