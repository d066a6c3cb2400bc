"""The merger: several datasets, each labelled for its own tasks, as one partially annotated one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from datasets.augment import Augmentation, colour_matrix, generator, sharpness
from datasets.base import Sample, Source, label_files
from datasets.batch import Batch, Room
from datasets.cache import Cache
from datasets.unite import has_label, read_label
from tasks import Task
from tasks.base import stacked
from tasks.images import read_image
from utils.errors import DataError
from utils.geometry import Warp

PADDING = (124, 116, 104)
"""What lies outside of an image, RGB: the mean colour of ImageNet, 0 once normalised."""


class Merged(Dataset):
    """Datasets one after the other. An item is asked for by (round, index), so that the
    augmentation is a function of both: see `datasets.sampling.Batches`."""

    def __init__(
        self,
        sources: Sequence[Source],
        tasks: Sequence[Task],
        size: tuple[int, int],
        augmentation: Augmentation | None = None,
        seed: int = 0,
        cache: Cache | None = None,
    ):
        self.tasks = list(tasks)
        self.size = size
        self.augmentation = augmentation
        self.seed = seed
        self.cache = cache
        self._storages: dict[tuple[str, str], str] = {}
        self.entries: list[tuple[Source, Sample]] = [
            (source, sample)
            for source in sources
            for sample in source.samples
            if any(has_label(task, source, sample) for task in tasks)
        ]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def sizes(self) -> list[int]:
        """The number of images of each dataset."""
        return list(Counter(source.name for source, _ in self.entries).values())

    def __getitem__(self, key: tuple[int, int]) -> dict:
        """Image, targets and what is labelled, augmented.

        Raises:
            DataError: a file is missing or damaged; names it.
        """
        return self._item(*key)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> tuple[Batch | None, list[DataError]]:
        """What a worker reads at once: the batch of these keys, without the images that cannot be
        read (None: without any), and what is wrong with their files."""
        room = Room(self.tasks, len(keys), self.size, self.augmentation is not None)
        items, errors = [], []
        for key in keys:
            try:
                items.append(self._item(*key, room, row=len(items)))
            except DataError as error:
                errors.append(error)
        return (self.collate(items, room) if items else None), errors

    def _item(self, round: int, index: int, room: Room | None = None, row: int = 0) -> dict:
        """An item; with a `room`, its image and targets are rows of that."""
        source, sample = self.entries[index]
        image = self._image(sample.image)
        shape = image.shape[:2]
        item = {"index": index, "targets": {}, "labelled": {}}
        if self.augmentation:
            rng = generator(self.seed, round, index)
            warp = self.augmentation.warp(rng, shape)
            item |= {"colour": colour_matrix(rng), "sharpness": sharpness(rng)}
        else:
            warp = Warp.resize(shape, self.size)
        item["image"] = warp.image(image, PADDING, room and room.image(row))
        for task in self.tasks:
            labelled = has_label(task, source, sample)
            out = room and room.target(task, row)
            if labelled:
                target = task.warp(self._target(task, index, shape), warp, out)
            elif out is None:
                target = task.absent(self.size)
            else:
                out[...] = task.absent((1, 1))
                target = out
            item["targets"][task.name] = target
            item["labelled"][task.name] = labelled
        return item

    def _image(self, path: Path) -> np.ndarray:
        if self.cache is None:
            return read_image(path)
        return self.cache.get((path,), "image", lambda: read_image(path))

    def _target(self, task: Task, index: int, shape: tuple[int, int]) -> np.ndarray:
        """The stored label; with a cache, packed."""
        if self.cache is None:
            return self.read_target(task, index, shape)
        source, sample = self.entries[index]
        return self.cache.get(
            label_files(sample.labels[task.kind]),
            f"{self._storage(source, task)} of {sample.image} {shape}",
            lambda: task.pack(self.read_target(task, index, shape)),
        )

    def _storage(self, source: Source, task: Task) -> str:
        """All that a dataset's labels of a task depend on, beside their files."""
        if (source.name, task.name) not in self._storages:
            classes = (source.classes.get(task.kind, ()), task.classes)
            storage = source.storage.get(task.kind, {})
            self._storages[source.name, task.name] = f"{task.kind} {storage} {classes}"
        return self._storages[source.name, task.name]

    def read_target(self, task: Task, index: int, shape: tuple[int, int]) -> np.ndarray:
        """The stored label of an image of `shape` (height, width), before any warp."""
        return read_label(task, *self.entries[index], shape)

    def collate(self, items: list[dict], room: Room | None = None) -> Batch:
        """A batch of items, those of the first rows of `room` if there is one."""
        augmented = "colour" in items[0]
        targets = {}
        for task in self.tasks:
            mine = [item["targets"][task.name] for item in items]
            targets[task.name] = task.collate(mine, room and room.targets[task.name])
        return Batch(
            images=stacked([item["image"] for item in items], room and room.images),
            colours=stacked([item["colour"] for item in items]) if augmented else None,
            sharpness=torch.tensor([i["sharpness"] for i in items]) if augmented else None,
            targets=targets,
            labelled={
                t.name: torch.tensor([i["labelled"][t.name] for i in items]) for t in self.tasks
            },
            indices=[item["index"] for item in items],
        )

    def labelled_for(self, task: Task) -> list[int]:
        """The indices of the images that have a label for the task."""
        return [i for i, entry in enumerate(self.entries) if has_label(task, *entry)]
