"""Reads every file of a cfg's data, in all workers, and counts what is there."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from datasets.base import Split
from datasets.formats.base import Label
from datasets.formats.images import is_turned, read_image
from datasets.unite import build_tasks, lacking_in_words
from datasets.usable import usable_for
from datasets.workers import identity_collate, start_worker, worker_crash_as_error
from engine.runs.data import data_root
from engine.runs.datasets import read_split, validation_splits
from tasks import Task
from utils.errors import DataError, UserError
from utils.part import Choice

if TYPE_CHECKING:
    from engine.config import Config

# Images whose counts a worker hands over together: so many that it costs nothing beside reading.
_CHUNK = 16


class Damage(NamedTuple):
    """A file that cannot be used, and why."""

    file: Path
    reason: str


class ScanResult:
    """The contents of the files of a split, or of some of its images.

    Attributes:
        data: the images of the split that the cfg uses: those with a label for one of the tasks.
        part: 'train' or 'test'.
        listed: how many images the split has in all.
        tasks: those of the cfg that it has labels for, each with the classes of this dataset.
        expected: how many images and labels of each type the full data have, where that is known.
        sizes: how many images have each (height, width).
        turned: how many images have a camera's note to turn them, which is not followed.
        statistics: the label statistics, by task type.
        damaged: in the order of the images.
        whole: the indices of the images of which every file can be read.
        merged: the tasks of the merged training data; of a split to train on.
    """

    def __init__(
        self,
        data: Split,
        part: str,
        listed: int,
        tasks: Sequence[Task],
        expected: Mapping[str, int],
    ):
        self.data, self.part, self.listed = data, part, listed
        self.tasks, self.expected = list(tasks), expected
        self.merged: list[Task] = []
        self.clear()

    def empty(self) -> ScanResult:
        """The same split, of which nothing was read."""
        result = copy(self)
        result.clear()
        return result

    def clear(self) -> None:
        """Forgets what was read."""
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.turned = 0
        self.statistics = {task.task_type: task.label_statistics() for task in self.tasks}
        self.damaged: list[Damage] = []
        self.whole: list[int] = []
        self._usable: dict[int, set[str]] = {}

    def read(self, indices: range) -> None:
        """Reads all files of some of the images."""
        for index in indices:
            before = len(self.damaged)
            self._read(index)
            if len(self.damaged) == before:
                self.whole.append(index)

    def merge(self, later: ScanResult) -> None:
        """Adds the contents of later images of the same split."""
        self.sizes += later.sizes
        self.turned += later.turned
        for task_type, statistics in self.statistics.items():
            statistics.merge(later.statistics[task_type])
        self.damaged += later.damaged
        self.whole += later.whole
        self._usable |= later._usable

    def usable_labels(self) -> dict[Path, set[str]]:
        """The merged tasks whose label is usable, by image of which every file can be read."""
        return {self.data.samples[i].image: self._usable.get(i, set()) for i in self.whole}

    def _read(self, index: int) -> None:
        sample = self.data.samples[index]
        size = None
        try:
            size = read_image(sample.image).shape[:2]
            self.sizes[size] += 1
            self.turned += is_turned(sample.image)
        except Exception as error:
            self.damaged.append(_damage(sample.image, error))
        for task in self.tasks:
            if label := sample.labels.get(task.task_type):
                try:
                    target = label.read(size or _stored_size(label))
                    if size:  # a label whose image is missing is read, but not counted
                        self.statistics[task.task_type].add(label, target, size)
                        names = usable_for(self.merged, self.data, sample, task.task_type, target)
                        self._usable.setdefault(index, set()).update(names)
                except Exception as error:
                    self.damaged.append(_damage(label.file, error))


def scan(config: Config) -> tuple[list[ScanResult], list[str]]:
    """Reads every file of every split of the cfg's datasets. The results do not depend on the
    number of workers.

    Returns:
        the results, and the faults of the splits that cannot be listed.

    Raises:
        UserError: no dataset can be listed, or none has labels for a task.
        DataError: a worker was ended from outside.
    """
    results, faults = _list(config)
    _merge(config, [result for result in results if result.part == "train"])
    chunks = _Chunks(results)
    loader = DataLoader(
        chunks,
        batch_size=None,
        collate_fn=identity_collate,
        num_workers=config.loading.workers_for(len(chunks)),
        worker_init_fn=start_worker,
    )
    total = sum(len(result.data.samples) for result in results)
    with (
        worker_crash_as_error("files"),
        tqdm(total=total, unit="img", disable=not sys.stderr.isatty(), leave=False) as progress,
    ):
        for (result, indices), part in zip(chunks.chunks, loader, strict=True):
            result.merge(part)
            progress.update(len(indices))
    return results, faults


class _Chunks(Dataset):
    """Chunks of images of all splits, in order; an item is the contents of a chunk's files."""

    def __init__(self, results: Sequence[ScanResult]):
        self.chunks = [
            (result, range(first, min(first + _CHUNK, len(result.data.samples))))
            for result in results
            for first in range(0, len(result.data.samples), _CHUNK)
        ]

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, index: int) -> ScanResult:
        if index >= len(self.chunks):
            raise IndexError
        whole, indices = self.chunks[index]
        part = whole.empty()
        part.read(indices)
        return part


def _list(config: Config) -> tuple[list[ScanResult], list[str]]:
    """Every split of every dataset of the cfg, each once, and the faults of those that cannot be
    listed."""
    splits = _splits(config)
    root = data_root(config, [choice for choice, _ in splits])
    results, faults = [], []
    for choice, part in splits:
        try:
            results.append(_result(config, choice, _listed(config, choice, root, part), part))
        except UserError as error:
            faults.append(str(error))
    if not results:
        raise DataError(faults[0])
    for task in config.run.tasks:
        labelled = (result.data.samples.label_types().all for result in results)
        if not faults and not any(task.name in types for types in labelled):
            lacking = lacking_in_words((result.data for result in results), task.name)
            raise config.error(
                "tasks", f"no dataset of the cfg has labels for {task.name}{lacking}"
            )
    return results, faults


def _merge(config: Config, results: Sequence[ScanResult]) -> None:
    """Gives the splits to train on the tasks of their merged data. Where these cannot be merged,
    the reason is told with the faults of the data."""
    with suppress(DataError):
        tasks = build_tasks(config.run.tasks, [r.data for r in results], config.data.classes)
        for result in results:
            result.merged = tasks


def _splits(config: Config) -> list[tuple[Choice, str]]:
    """The (dataset, split) pairs of the cfg, those of a dataset together."""
    train = config.data.train_dataset
    pairs = [(choice, "train") for choice in train]
    pairs += [(choice, "test") for choice in config.data.test_dataset or train]
    pairs += validation_splits(config)
    names = [choice.name for choice, _ in pairs]
    unique = {(choice.name, part): (choice, part) for choice, part in pairs}
    return sorted(unique.values(), key=lambda pair: names.index(pair[0].name))


def _listed(config: Config, choice: Choice, root: Path, part: str) -> Split:
    """A split with the files that are missing; but where every image is, the mistake is another,
    and reading it says which."""
    split = read_split(config, choice, root, part, missing_allowed=True)
    if any(image.exists() for image in split.samples.images()):
        return split
    return read_split(config, choice, root, part)


def _result(config: Config, choice: Choice, split: Split, part: str) -> ScanResult:
    """The images of a split that the cfg would use, and those of its tasks that they have labels
    for, or should have."""
    expected = {} if config.rendering.render_train else choice.part.expected.get(part, {})
    labelled = split.samples.label_types().all | set(expected)
    tasks = [
        task.build(split.classes.get(task.name, ()))
        for task in config.run.tasks
        if task.name in labelled
    ]
    has_label = split.samples.label_types().has(*(task.name for task in config.run.tasks))
    used = split.samples
    if not (has_label.any() and part == "train" and config.data.keep_unlabelled):
        used = used.take(np.flatnonzero(has_label))
    return ScanResult(replace(split, samples=used), part, len(split.samples), tasks, expected)


def _stored_size(label: Label) -> tuple[int, int]:
    """The size of the image that a label was made for, as far as the label says so."""
    try:
        return label.format.stored_size(label) or (1, 1)
    except DataError:
        return (1, 1)


def _damage(file: Path, error: Exception) -> Damage:
    """The fault of a file; it is named also where a reader fails as none should."""
    if file.is_file() and not file.stat().st_size:
        return Damage(file, "the file is empty")
    if not isinstance(error, DataError):
        return Damage(file, f"cannot be read ({type(error).__name__}: {error})".splitlines()[0])
    place = re.compile(re.escape(f"{file}:") + r"(\d+): ")
    return Damage(file, place.sub(r"line \1: ", str(error)).removeprefix(f"{file}: "))
