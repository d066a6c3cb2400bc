"""The merger: several datasets, each labelled for its own tasks, as one partially annotated one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datasets.augment import Augmentation, colour_matrix, generator, sharpness
from datasets.base import Sample, Source
from tasks import KINDS, Task
from utils.errors import DataError
from utils.geometry import Warp

PADDING = (124, 116, 104)
"""What lies outside of an image, RGB: the mean colour of ImageNet, 0 once normalised."""

# Labels are drawn on the stored pixels, so a camera's note to turn the picture is left alone.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def unite_tasks(kinds: Sequence[str], sources: Sequence[Source], options: dict) -> list[Task]:
    """The tasks of the merged data, in the order of `kinds`.

    A kind has one task where its datasets have the same classes, and otherwise one a dataset
    (`segmentation:VOC`, `segmentation:NYUD_MT`), each with a class space of its own.

    Args:
        options: the settings that tasks may take, by name (`Task.options`).

    Raises:
        DataError: no dataset has labels for a kind.
    """
    tasks = []
    for kind in kinds:
        having = [s for s in sources if any(kind in sample.labels for sample in s.samples)]
        if not having:
            names = ", ".join(source.name for source in sources)
            raise DataError(f"no dataset of the cfg has labels for {kind}: it names {names}")
        task = KINDS[kind]
        taken = {name: options[name] for name in task.options if name in options}
        spaces = {source.name: tuple(source.classes.get(kind, ())) for source in having}
        if len(set(spaces.values())) == 1:
            tasks.append(task(classes=next(iter(spaces.values())), **taken))
        else:
            tasks += [task(classes=c, dataset=name, **taken) for name, c in spaces.items()]
    return tasks


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
    """Datasets one after the other. An item is asked for by (epoch, index), so that the
    augmentation is a function of both."""

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
            if any(_labels(task, source, sample) for task in tasks)
        ]

    def __len__(self) -> int:
        return len(self.entries)

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
            labelled = _labels(task, source, sample)
            target = self.read_target(task, index, shape) if labelled else None
            item["targets"][task.name] = (
                task.warp(target, warp) if labelled else task.absent(self.size)
            )
            item["labelled"][task.name] = labelled
        return item

    def read_target(self, task: Task, index: int, shape: tuple[int, int]) -> np.ndarray:
        """The stored label of an image of `shape` (height, width), before any warp."""
        source, sample = self.entries[index]
        return task.read(sample.labels[task.kind], shape, **source.storage.get(task.kind, {}))

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
        return [i for i, entry in enumerate(self.entries) if _labels(task, *entry)]


def _labels(task: Task, source: Source, sample: Sample) -> bool:
    """Whether the sample's label of this kind is one in the task's class space."""
    alike = tuple(source.classes.get(task.kind, ())) == task.classes
    return task.kind in sample.labels and alike and task.dataset in (None, source.name)


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        DataError: the file is missing or cannot be decoded.
    """
    try:
        # Decoded from memory, where OpenCV refuses half a file; from disk it fills it up with grey.
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), _AS_STORED)
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise DataError(f"{path}: cannot be read as an image")
    return image


def split(source: Source, share: float) -> tuple[Source, Source]:
    """A dataset without a share of its images, and that share.

    Images are taken evenly from those labelled alike, so that every task keeps its share; at least
    one of each is held out, and which they are depends on nothing but the list of images.
    """
    groups: dict[tuple, list[int]] = {}
    for index, sample in enumerate(source.samples):
        groups.setdefault(tuple(sorted(sample.labels)), []).append(index)
    held_out: set[int] = set()
    for group in groups.values():
        count = min(max(1, round(share * len(group))), len(group) - 1)
        order = np.random.default_rng(0).permutation(len(group))
        held_out.update(group[i] for i in order[:count])
    kept = tuple(s for i, s in enumerate(source.samples) if i not in held_out)
    taken = tuple(s for i, s in enumerate(source.samples) if i in held_out)
    return replace(source, samples=kept), replace(source, samples=taken)
