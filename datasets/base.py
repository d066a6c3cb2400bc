"""What a dataset is to the rest of the program: names of files, and how they are stored."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from datasets.formats.base import Label
from utils.errors import DataError
from utils.part import Part


@dataclass(frozen=True)
class Sample:
    """An image, and its labels by task type ('depth': …); no entry, no label."""

    image: Path
    labels: Mapping[str, Label]


@dataclass(frozen=True)
class Split:
    """A split of one dataset.

    Attributes:
        name: the dataset's name in a cfg.
        samples: its images, in a fixed order.
        classes: the class names of its tasks that have classes, by task type.
        root: the folder that the ids of the images count from.
    """

    name: str
    samples: tuple[Sample, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    root: Path = Path()


class Dataset(Part):
    """One dataset: where its files lie, and which labels they are. Its options stand in [data].

    Args:
        name: the name in a cfg.
    """

    section = "data"

    folder: ClassVar[str]
    """The folder below `dataset_root`."""
    signs: ClassVar[tuple[str, ...]] = ()
    """What lies in the folder of the dataset, and in no other: any of these tells it."""
    labels: ClassVar[Mapping[str, tuple[str, ...]]]
    """The task types that it has labels for, each with the names of its classes (none for types
    without). That is enough to build a network for it."""
    expected: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    """How many images the whole dataset has by split, and how many of them labels of each type."""

    def __init__(self, name: str, **options):
        super().__init__(**options)
        self.name = name

    def read(self, root: Path, split: str, missing_allowed: bool = False) -> Split:
        """Lists the files of a split, 'train' or 'test'.

        Args:
            root: the folder of all datasets.
            missing_allowed: whether files that a list names and that are not there are listed as
                well, for callers that read every file and name those that are missing.

        Raises:
            DataError: the dataset is not there, or files of it are missing; says which, and where.
        """
        self.locate(root)
        listed = self.list(root / self.folder, split, missing_allowed)
        other = {"train": "test", "test": "train"}[split]
        if len(listed.samples) == self.expected.get(other, {}).get("images"):
            raise DataError(
                f"{self.name} has {len(listed.samples):,} images to {split} on, as many as it "
                f"should have to {other} on: are its lists of {split} and {other} swapped?"
            )
        return listed

    @abstractmethod
    def list(self, folder: Path, split: str, missing_allowed: bool) -> Split:
        """Lists the files of a split below the dataset's folder; see :meth:`read`."""

    def locate(self, root: Path) -> None:
        """Checks that the dataset is in its folder; says where else it may be."""
        from datasets.locate import require_dataset

        require_dataset(self, root)

    def declared(self, root: Path) -> Split:
        """The dataset as it is known without its files: one image without a name, with all its
        labels."""
        return declared_split(self.name, self.labels)


def declared_split(name: str, classes: Mapping[str, tuple[str, ...]]) -> Split:
    """A split of one image without a name, with labels of these types that cannot be read."""
    return Split(name, (Sample(Path(), dict.fromkeys(classes)),), classes)


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


def require_files(paths: list[Path], missing_allowed: bool = False) -> None:
    """Checks that files that a list promises are there and not empty, unless
    `missing_allowed`. It lists their folders, far faster than asking for each file.

    Raises:
        DataError: some are not; names the first, and says how many there are.
    """
    if missing_allowed:
        return
    sizes = {folder: _sizes_in(folder) for folder in {path.parent for path in paths}}
    result = [sizes[path.parent].get(path.name) for path in paths]
    for fault, text in ((None, "missing"), (0, "empty")):
        faulty = [path for path, size in zip(paths, result, strict=True) if size == fault]
        if faulty:
            many = f"{len(faulty)} of {len(paths)} are"
            raise DataError(f"{faulty[0]}: the file is {text} ({many})")


def _sizes_in(folder: Path) -> dict[str, int]:
    """The bytes of each file in a folder, by name; none where there is no folder."""
    sizes = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a link to nowhere
                sizes[entry.name] = entry.stat().st_size
    return sizes
