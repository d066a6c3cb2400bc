"""Reads every file of some datasets, in all workers, and counts what is there."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from datasets.base import Label, Source, label_file
from datasets.unite import read_label
from datasets.workers import as_it_is, ended_workers_told, one_thread
from tasks import Task
from tasks.images import read_image
from utils.errors import DataError

# Images whose counts a worker hands over together: so many that it costs nothing beside reading.
_TOGETHER = 16

# Seconds between two plain lines of progress.
_EVERY = 10.0


class Damage(NamedTuple):
    """A file that cannot be used, and why."""

    file: Path
    reason: str


class Found:
    """What the files of a split hold, or those of some of its images.

    Attributes:
        sizes: how many images have each (height, width).
        surveys: the counts of the labels, by task kind.
        damaged: in the order of the images.
        whole: the indices of the images of which every file can be read.
    """

    def __init__(self, tasks: Sequence[Task]):
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.surveys = {task.kind: task.survey() for task in tasks}
        self.damaged: list[Damage] = []
        self.whole: list[int] = []

    def merge(self, later: Found) -> None:
        """Adds what was found in later images of the same split."""
        self.sizes += later.sizes
        for kind, survey in self.surveys.items():
            survey.merge(later.surveys[kind])
        self.damaged += later.damaged
        self.whole += later.whole


@dataclass
class Part:
    """A split of a dataset.

    Attributes:
        source: its images that have a label for one of the tasks.
        listed: how many images it has in all.
        tasks: those of the cfg that it has labels for, each with the classes of this dataset.
        expected: how many images and labels of each kind the full data have, where that is known.
        found: what its files hold, as far as they were read.
    """

    source: Source
    listed: int
    split: str
    tasks: list[Task]
    expected: Mapping[str, int]
    found: Found = field(init=False)

    def __post_init__(self):
        self.found = Found(self.tasks)

    def examine(self, indices: range) -> Found:
        """Reads all files of some of the images."""
        found = Found(self.tasks)
        for index in indices:
            self._read(index, found)
        return found

    def _read(self, index: int, found: Found) -> None:
        sample = self.source.samples[index]
        before = len(found.damaged)
        size = None
        try:
            size = read_image(sample.image).shape[:2]
            found.sizes[size] += 1
        except Exception as error:
            found.damaged.append(_damage(sample.image, error))
        for task in self.tasks:
            if task.kind not in sample.labels:
                continue
            label = sample.labels[task.kind]
            try:
                target = read_label(task, self.source, sample, size or _own_size(label))
                if size:  # what its image is not there for is looked at, and not counted
                    found.surveys[task.kind].add(label, target, size)
            except Exception as error:
                found.damaged.append(_damage(label_file(label), error))
        if len(found.damaged) == before:
            found.whole.append(index)


def examine(parts: Sequence[Part], workers: int) -> None:
    """Reads every file of the parts and adds what there is to each part's `found`, which does not
    depend on the number of workers (0: this process).

    Raises:
        DataError: a worker was ended from outside.
    """
    runs = _Runs(parts)
    loader = DataLoader(
        runs,
        batch_size=None,
        collate_fn=as_it_is,
        num_workers=min(workers, len(runs)),
        worker_init_fn=one_thread,
    )
    progress = _Progress(sum(len(part.source.samples) for part in parts))
    try:
        with ended_workers_told("files"):
            for (part, indices), found in zip(runs.runs, loader, strict=True):
                part.found.merge(found)
                progress.step(len(indices))
    finally:
        progress.close()


class _Runs(Dataset):
    """Runs of images of all parts, in order; an item is what the files of one run hold."""

    def __init__(self, parts: Sequence[Part]):
        self.runs = [
            (part, range(first, min(first + _TOGETHER, len(part.source.samples))))
            for part in parts
            for first in range(0, len(part.source.samples), _TOGETHER)
        ]

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, index: int) -> Found:
        if index >= len(self.runs):
            raise IndexError
        part, indices = self.runs[index]
        return part.examine(indices)


class _Progress:
    """A bar in a terminal, a plain line now and then elsewhere; all on stderr."""

    def __init__(self, total: int):
        self.total, self.done, self.told = total, 0, time.monotonic()
        terminal = sys.stderr.isatty()
        self.bar = (
            tqdm(total=total, unit="img", dynamic_ncols=True, leave=False) if terminal else None
        )

    def step(self, images: int) -> None:
        self.done += images
        if self.bar is not None:
            self.bar.update(images)
        elif time.monotonic() - self.told > _EVERY:
            self.told = time.monotonic()
            print(f"  read {self.done:,} of {self.total:,} images", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def _own_size(label: Label) -> tuple[int, int]:
    """That of the image which a label was made for, if it says so, or any."""
    return getattr(label, "size", (1, 1))


def _damage(file: Path, error: Exception) -> Damage:
    """What is wrong with a file; it is named also where a reader fails as none should."""
    if file.is_file() and not file.stat().st_size:
        return Damage(file, "the file is empty")
    if not isinstance(error, DataError):
        return Damage(file, f"cannot be read ({type(error).__name__}: {error})".splitlines()[0])
    return Damage(file, str(error).removeprefix(f"{file}: "))
