"""The merger: several datasets, each labelled for its own tasks, as one partially annotated one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datasets.augment import Augmentation, colour_matrix, generator, sharpness
from datasets.base import Sample, Source
from datasets.unite import has_label, read_label
from tasks import Task
from tasks.images import read_image
from utils.errors import DataError
from utils.geometry import Warp

PADDING = (124, 116, 104)
"""What lies outside of an image, RGB: the mean colour of ImageNet, 0 once normalised."""


@dataclass
class Batch:
    """A batch of B images.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        colours: (B, 3, 4) the photometric distortion of each image; None at test time.
        sharpness: (B) likewise.
        targets: by task name, what `Task.collate` made of all B targets.
        labelled: by task name, (B) bool: the images that have a label for the task. It stays on the
            CPU, where asking it costs nothing.
        indices: the images' places in the merged dataset.
    """

    images: Tensor
    colours: Tensor | None
    sharpness: Tensor | None
    targets: dict[str, Any]
    labelled: dict[str, Tensor]
    indices: list[int]

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        return self._map(Tensor.pin_memory)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Batch:
        def each(value):
            if isinstance(value, list):
                return [move(tensor) for tensor in value]
            return None if value is None else move(value)

        return replace(
            self,
            images=each(self.images),
            colours=each(self.colours),
            sharpness=each(self.sharpness),
            targets={name: each(value) for name, value in self.targets.items()},
        )


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
    ):
        self.tasks = list(tasks)
        self.size = size
        self.augmentation = augmentation
        self.seed = seed
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

    def __getitem__(self, key: tuple[int, int]) -> dict | DataError:
        """Image, targets and what is labelled, augmented; or what is wrong with a file."""
        try:
            return self._item(*key)
        except DataError as error:
            return error

    def _item(self, epoch: int, index: int) -> dict:
        source, sample = self.entries[index]
        image = read_image(sample.image)
        shape = image.shape[:2]
        item = {"index": index, "targets": {}, "labelled": {}}
        if self.augmentation:
            rng = generator(self.seed, epoch, index)
            warp = self.augmentation.warp(rng, shape)
            item |= {"colour": colour_matrix(rng), "sharpness": sharpness(rng)}
        else:
            warp = Warp.resize(shape, self.size)
        item["image"] = warp.image(image, PADDING)
        for task in self.tasks:
            labelled = has_label(task, source, sample)
            target = self.read_target(task, index, shape) if labelled else None
            item["targets"][task.name] = (
                task.warp(target, warp) if labelled else task.absent(self.size)
            )
            item["labelled"][task.name] = labelled
        return item

    def read_target(self, task: Task, index: int, shape: tuple[int, int]) -> np.ndarray:
        """The stored label of an image of `shape` (height, width), before any warp."""
        return read_label(task, *self.entries[index], shape)

    def collate(self, items: list[dict | DataError]) -> Batch | DataError:
        """A batch of items, or the first error among them."""
        if errors := [item for item in items if isinstance(item, DataError)]:
            return errors[0]
        augmented = "colour" in items[0]
        return Batch(
            images=torch.from_numpy(np.stack([item["image"] for item in items])),
            colours=torch.from_numpy(np.stack([i["colour"] for i in items])) if augmented else None,
            sharpness=torch.tensor([i["sharpness"] for i in items]) if augmented else None,
            targets={t.name: t.collate([i["targets"][t.name] for i in items]) for t in self.tasks},
            labelled={
                t.name: torch.tensor([i["labelled"][t.name] for i in items]) for t in self.tasks
            },
            indices=[item["index"] for item in items],
        )

    def labelled_for(self, task: Task) -> list[int]:
        """The indices of the images that have a label for the task."""
        return [i for i, entry in enumerate(self.entries) if has_label(task, *entry)]
