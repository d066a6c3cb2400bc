"""Samples whose names stand in arrays: for datasets of millions of images."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import compress, pairwise
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
    text: str
    ends: np.ndarray

    @classmethod
    def of(cls, names: Iterator[tuple[str, Sequence[str]]]) -> Stems:
        """Packs (group, its names) pairs; no more than one group's names are held as objects."""
        groups, firsts, texts, lengths = [], [], [], []
        total = 0
        for group, of_group in names:
            groups.append(group)
            firsts.append(total)
            texts.append("".join(of_group))
            lengths.append(np.fromiter(map(len, of_group), np.uint16, len(of_group)))
            total += len(of_group)
        text = "".join(texts)
        ends = np.zeros(total, np.uint32 if len(text) < 2**32 else np.uint64)
        if total:
            np.cumsum(np.concatenate(lengths), out=ends, dtype=ends.dtype)
        return cls(tuple(groups), tuple(firsts), text, ends)

    def __getitem__(self, number: int) -> str:
        [name] = self.names(np.array([number]))
        return name

    def names(self, numbers: np.ndarray) -> list[str]:
        """Several of the names."""
        begins = np.where(numbers > 0, self.ends[numbers.astype(int) - 1], 0).tolist()
        ends = self.ends[numbers].tolist()
        return [self.text[begin:end] for begin, end in zip(begins, ends, strict=True)]

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

    def folders(self):
        for group, rows in self._by_group():
            names = [stem + self.image.ending for stem in self.stems.names(rows)]
            yield os.path.join(self.image.folder, group), names

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
        count, missing, first = 0, 0, None
        for group, rows in self._by_group():
            stems = self.stems.names(rows)
            bits = self.labelled[rows]
            for column, of_column in self._files(stems, bits):
                absent = of_column - names_in(column.folder / group)
                count, missing = count + len(of_column), missing + len(absent)
                if absent and first is None:
                    first = column.folder / group / min(absent)
        if first is not None:
            raise DataError(f"{first}: the file is missing ({missing} of {count} are)")

    def _files(
        self, stems: Sequence[str], labelled: np.ndarray
    ) -> Iterator[tuple[Column, set[str]]]:
        """The names of the files of each kind, of images with these labels."""
        yield self.image, {stem + self.image.ending for stem in stems}
        for number, (_, column) in enumerate(self.labels.values()):
            has_label = (labelled >> np.uint32(number) & 1).tolist()
            yield column, {stem + column.ending for stem in compress(stems, has_label)}

    def _by_group(self) -> Iterator[tuple[str, np.ndarray]]:
        """The rows in their order, in pieces of one group each, and the name of the group."""
        groups = np.searchsorted(self.stems.firsts, self.rows, side="right") - 1
        changes = np.flatnonzero(np.diff(groups)) + 1
        for begin, end in pairwise([0, *changes.tolist(), len(groups)]):
            if begin < end:
                yield self.stems.groups[groups[begin]], self.rows[begin:end]


def names_in(folder: Path) -> set[str]:
    """The names in a folder; none where there is no folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return set(os.listdir(folder))
    return set()


def _file(column: Column, group: str, stem: str) -> Path:
    return Path(os.path.join(column.folder, group, stem + column.ending))
