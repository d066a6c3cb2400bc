"""Samples whose names stand in arrays: for datasets of millions of images."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.formats.base import Format, Label
from datasets.samples import LabelTypes, Sample, Samples
from utils.errors import DataError

MOST_LABELS = 32  # the bits of the numbers that say which labels an image has


class Column(NamedTuple):
    """The files of one kind, one an image: `<folder>/<group>/<stem><ending>`."""

    folder: Path
    ending: str


class Stems(NamedTuple):
    """Names in groups, as one text and where each of them ends.

    Attributes:
        groups: the names of the groups.
        firsts: for each group, the number of its first name; groups follow one another.
        text: all names.
        ends: (N) where in the text each name ends.
    """

    groups: tuple[str, ...]
    firsts: tuple[int, ...]
    text: bytes
    ends: np.ndarray

    @classmethod
    def of(cls, names: Iterator[tuple[str, Sequence[str]]]) -> Stems:
        """Packs (group, its names) pairs; no more than one group's names are held as objects."""
        groups, firsts, texts, lengths = [], [], [], []
        total = 0
        for group, of_group in names:
            encoded = [os.fsencode(name) for name in of_group]
            groups.append(group)
            firsts.append(total)
            texts.append(b"".join(encoded))
            lengths.append(np.fromiter(map(len, encoded), np.uint16, len(encoded)))
            total += len(encoded)
        text = b"".join(texts)
        ends = np.zeros(total, np.uint32 if len(text) < 2**32 else np.uint64)
        if total:
            np.cumsum(np.concatenate(lengths), out=ends, dtype=ends.dtype)
        return cls(tuple(groups), tuple(firsts), text, ends)

    def __getitem__(self, number: int) -> str:
        begin = int(self.ends[number - 1]) if number else 0
        return os.fsdecode(self.text[begin : int(self.ends[number])])

    def group_of(self, number: int) -> int:
        """The number of the group of a name."""
        return bisect_right(self.firsts, number) - 1


class SampleIndex(Samples):
    """Images and labels of one layout, `<folder>/<group>/<stem><ending>` with a folder and an
    ending for the images and for each kind of label. It takes about the bytes of a stem and twelve
    more an image; a part of it takes four.

    Args:
        stems: of all images of the dataset's split.
        image: the images.
        labels: by task type, the format of its labels and where they are.
        labelled: (N) uint32, a bit for each task type, in their order: the labels that each image
            has.
        rows: (M) the numbers of the images, in order; None: all.
    """

    def __init__(
        self,
        stems: Stems,
        image: Column,
        labels: Mapping[str, tuple[Format, Column]],
        labelled: np.ndarray,
        rows: np.ndarray | None = None,
    ):
        if len(labels) > MOST_LABELS:
            raise ValueError(f"{len(labels)} kinds of labels, at most {MOST_LABELS} are known")
        self.stems, self.image, self.labels = stems, image, dict(labels)
        self.labelled = labelled
        self.rows = np.arange(len(labelled), dtype=np.uint32) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = int(self.rows[index])
        stem, group = self.stems[row], self.stems.groups[self.stems.group_of(row)]
        bits = int(self.labelled[row])
        labels = {
            task_type: Label(stored, (_file(column, group, stem),))
            for number, (task_type, (stored, column)) in enumerate(self.labels.items())
            if bits >> number & 1
        }
        return Sample(_file(self.image, group, stem), labels)

    def images(self):
        return (Path(folder, name) for folder, name in self.places())

    def places(self):
        for group, rows in self._by_group():
            folder = str(self.image.folder / group)
            for row in rows.tolist():
                yield folder, self.stems[row] + self.image.ending

    def label_types(self):
        bits, numbers = np.unique(self.labelled[self.rows], return_inverse=True)
        sets = (
            frozenset(name for k, name in enumerate(self.labels) if of_set >> k & 1)
            for of_set in bits.tolist()
        )
        return LabelTypes(tuple(sets), numbers.astype(np.int32))

    def take(self, indices):
        return SampleIndex(
            self.stems, self.image, self.labels, self.labelled, self.rows[np.asarray(indices, int)]
        )

    def require_files(self):
        """Lists each folder once. Empty files are told where they are read: to ask for the size of
        millions of files takes hours on some disks."""
        columns = [(self.image, None)]
        columns += [(column, number) for number, (_, column) in enumerate(self.labels.values())]
        count, missing, first = 0, 0, None
        for column, number in columns:
            for group, rows in self._by_group():
                if number is not None:
                    rows = rows[self.labelled[rows] >> np.uint32(number) & 1 > 0]
                expected = {self.stems[row] + column.ending for row in rows.tolist()}
                absent = expected - names_in(column.folder / group)
                count, missing = count + len(expected), missing + len(absent)
                if absent and first is None:
                    first = column.folder / group / min(absent)
        if first is not None:
            raise DataError(f"{first}: the file is missing ({missing} of {count} are)")

    def _by_group(self) -> Iterator[tuple[str, np.ndarray]]:
        """The rows in their order, in pieces of one group each, and the name of the group."""
        groups = np.searchsorted(self.stems.firsts, self.rows, side="right") - 1
        edges = np.flatnonzero(np.diff(groups)) + 1
        begins = [0, *edges.tolist()] if len(groups) else []
        for begin, end in zip(begins, [*begins[1:], len(groups)], strict=True):
            yield self.stems.groups[groups[begin]], self.rows[begin:end]


def names_in(folder: Path) -> set[str]:
    """The names in a folder; none where there is no folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return set(os.listdir(folder))
    return set()


def _file(column: Column, group: str, stem: str) -> Path:
    return column.folder / group / (stem + column.ending)
