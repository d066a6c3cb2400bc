"""The images of a split and their labels, as a sequence that need not hold an object an image."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.formats.base import Label
from datasets.listing import require_samples


@dataclass(frozen=True)
class Sample:
    """An image and its labels.

    Attributes:
        image: the file of the image.
        labels: the labels by task type ('depth': …). An image without an entry is not labelled.
        listed_in: the list that names the image, where there is one.
    """

    image: Path
    labels: Mapping[str, Label]
    listed_in: Path | None = None


class LabelTypes(NamedTuple):
    """Which task types each of N images has labels of.

    Attributes:
        sets: the different sets of task types.
        numbers: (N) integers: the set of each image.
    """

    sets: tuple[frozenset[str], ...]
    numbers: np.ndarray

    @property
    def all(self) -> frozenset[str]:
        """The task types that any image has a label of."""
        return frozenset().union(*self.sets)

    def has(self, *task_types: str) -> np.ndarray:
        """(N) bool: the images with a label of any of these types; of any at all where none is
        given."""
        wanted = [bool(names & set(task_types) if task_types else names) for names in self.sets]
        return np.array(wanted, bool)[self.numbers]


class Samples(Sequence[Sample]):
    """The images of a split, in a fixed order. What walks all of them asks for what it needs of
    them: a sample may be made anew whenever it is asked for."""

    @abstractmethod
    def folders(self) -> Iterator[tuple[str, list[str]]]:
        """The files of the images in their order: a folder, and the names of those that follow one
        another in it."""

    def images(self) -> Iterator[Path]:
        """The files of the images."""
        return (Path(folder, name) for folder, names in self.folders() for name in names)

    @abstractmethod
    def label_types(self) -> LabelTypes:
        """Which labels each image has."""

    @abstractmethod
    def take(self, indices: np.ndarray) -> Samples:
        """Some of the images, in this order."""

    @abstractmethod
    def require_files(self) -> None:
        """Checks that the files of all images and labels are there.

        Raises:
            DataError: some are not; names the first.
        """


class SampleTuple(tuple[Sample, ...], Samples):
    """Samples that are held as they are, as those of most datasets."""

    def folders(self):
        files = (os.path.split(sample.image) for sample in self)
        for folder, group in groupby(files, itemgetter(0)):
            yield folder, [name for _, name in group]

    def images(self):
        return (sample.image for sample in self)

    def label_types(self):
        sets: dict[frozenset[str], int] = {}
        of_images = (sets.setdefault(frozenset(sample.labels), len(sets)) for sample in self)
        numbers = np.fromiter(of_images, np.int32, len(self))
        return LabelTypes(tuple(sets), numbers)

    def take(self, indices):
        return SampleTuple(self[index] for index in indices)

    def require_files(self):
        require_samples(self)
