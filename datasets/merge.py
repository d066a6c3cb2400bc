"""Several datasets, each labelled for its own tasks, as one partially annotated dataset."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from datasets.augment import Augmentation, generator
from datasets.base import Split
from datasets.batch import Batch
from datasets.cache import Cache
from datasets.formats.base import Label
from datasets.formats.images import PADDING, read_image
from datasets.pseudo_labels import PseudoLabels
from datasets.samples import Samples
from datasets.unite import RemappedLabel, TaskLabels, class_map
from tasks import Task
from utils.canvas import Canvas
from utils.errors import DataError
from utils.memory import stack


class Entry(NamedTuple):
    """An image, the name of its dataset, its label for each task, and the class maps of its dataset
    by task name."""

    image: Path
    dataset: str
    labels: tuple[Label | RemappedLabel | None, ...]
    class_maps: Mapping[str, np.ndarray]


class SplitEntries:
    """The entries of one split.

    Args:
        keep_unlabelled: whether images without a label for any task are kept, where others have
            one.

    Attributes:
        labelled: (N, T) bool: which entries have a label for which task.
    """

    def __init__(self, split: Split, tasks: Sequence[Task], keep_unlabelled: bool):
        self.dataset = split.name
        self._class_maps = _class_maps(tasks, split)
        self._labels = [TaskLabels(task, split) for task in tasks]
        labelled = np.stack([labels.labelled for labels in self._labels], axis=1)
        has_label = labelled.any(axis=1)
        self._samples, self.labelled = split.samples, labelled
        if not has_label.all() and not (keep_unlabelled and has_label.any()):
            self._samples = split.samples.take(np.flatnonzero(has_label))
            self.labelled = labelled[has_label]
        for labels in self._labels:
            del labels.labelled  # of samples that may be gone

    @property
    def unlabelled(self) -> Samples:
        """The images without a label for any task."""
        return self._samples.take(np.flatnonzero(~self.labelled.any(axis=1)))

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Entry:
        sample = self._samples[index]
        labels = zip(self._labels, self.labelled[index], strict=True)
        of_tasks = tuple(of.of(sample) if is_labelled else None for of, is_labelled in labels)
        return Entry(sample.image, self.dataset, of_tasks, self._class_maps)


class Entries(Sequence[Entry]):
    """The entries of several splits, one after the other; each is made when it is asked for.

    Attributes:
        labelled: (N, T) bool: which entries have a label for which task.
    """

    def __init__(self, parts: Sequence[SplitEntries], tasks: int):
        self.parts = list(parts)
        self._ends = np.cumsum([len(part) for part in parts], dtype=int).tolist()
        self.labelled = np.concatenate([np.zeros((0, tasks), bool), *(p.labelled for p in parts)])
        for part, end in zip(self.parts, self._ends, strict=True):
            part.labelled = self.labelled[end - len(part) : end]

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        number = bisect_right(self._ends, index)
        return self.parts[number][index - (self._ends[number - 1] if number else 0)]


class MultiTaskDataset(Dataset):
    """Datasets one after the other. An item is asked for by (pass, index), so that the augmentation
    is a function of both: see `datasets.sampling.BatchSampler`.

    Images without a label for any of the tasks are left out, unless they are to be kept.

    Args:
        splits: the datasets.
        tasks: the tasks of the targets.
        size: height and width of the images.
        augmentation: None for validation and test.
        seed: of the augmentation.
        cache: keeps decoded images and labels.
        padding: the colour, RGB in 0 to 255, beyond the edges of an image.
        aspect: how images come to `size`; see `Canvas.of`.
        keep_unlabelled: whether such images are kept, of the datasets that have labels for any of
            the tasks.
        label_stride: the pixels of an image to one of a target along each axis, which divides
            `size`: for networks whose predictions are smaller than the image. Targets are taken
            from the label by its nearest pixels.

    Attributes:
        pseudo_labels: the targets of the images that a task has no label for; None: there are none.
    """

    def __init__(
        self,
        splits: Sequence[Split],
        tasks: Sequence[Task],
        size: tuple[int, int],
        augmentation: Augmentation | None = None,
        seed: int = 0,
        cache: Cache | None = None,
        padding: tuple[int, int, int] = PADDING,
        aspect: str = "stretch",
        keep_unlabelled: bool = False,
        label_stride: int = 1,
    ):
        self.splits = list(splits)
        self.tasks = list(tasks)
        self.size = tuple(size)
        self.augmentation = augmentation
        self.seed = seed
        self.cache = cache
        self.padding = padding
        self.aspect = aspect
        self.label_stride = label_stride
        self.pseudo_labels: PseudoLabels | None = None
        parts = [SplitEntries(split, self.tasks, keep_unlabelled) for split in splits]
        self.entries = Entries(parts, len(self.tasks))

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def label_size(self) -> tuple[int, int]:
        """Height and width of the targets."""
        return self.size[0] // self.label_stride, self.size[1] // self.label_stride

    @property
    def sizes(self) -> list[int]:
        """The number of images of each dataset."""
        sizes = Counter()
        for part in self.entries.parts:
            sizes[part.dataset] += len(part)
        return list((+sizes).values())

    def labelled_for(self, task: Task) -> np.ndarray:
        """The indices of the images that have a label for the task."""
        return np.flatnonzero(self.entries.labelled[:, self.tasks.index(task)])

    def missing_for(self, task: Task) -> np.ndarray:
        """The indices of the images that have no label for the task."""
        return np.flatnonzero(~self.entries.labelled[:, self.tasks.index(task)])

    def missing_by_dataset(self, task: Task) -> dict[str, int]:
        """The number of each dataset's images that have no label for the task, where any has
        none."""
        at, counts = self.tasks.index(task), Counter()
        for part in self.entries.parts:
            counts[part.dataset] += int((~part.labelled[:, at]).sum())
        return dict(+counts)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        """Image, the part of it that shows something, targets and what is labelled, augmented.

        Raises:
            DataError: a file is missing or damaged; names it.
        """
        pass_index, index = key
        entry = self.entries[index]
        image = self._read_image(entry.image)
        shape = image.shape[:2]
        item = {"targets": {}, "labelled": {}, "pseudo_labelled": {}}
        item["class_maps"] = entry.class_maps
        if self.augmentation:
            rng = generator(self.seed, pass_index, index)
            warp = self.augmentation.warp(rng, self._canvas(shape, rng), self.size)
            item |= self.augmentation.colours(rng)
        else:
            warp = self._canvas(shape).resize(self.size)
        item["image"] = warp.image(image, self.padding)
        item["shown"] = warp.shown(shape)
        warp = warp.shrunk(self.label_stride)
        for task, label in zip(self.tasks, entry.labels, strict=True):
            target = self._read_target(task, label, entry.image, shape)
            target = None if target is None else task.warp(target, warp)
            # A crop can leave a label without a valid pixel: then there is nothing to learn from.
            usable = target is not None and task.usable(target)
            item["targets"][task.name] = target if usable else task.unlabelled_target(warp.size)
            item["labelled"][task.name] = usable and label is not None
            item["pseudo_labelled"][task.name] = usable and label is None
        return item

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> tuple[Batch | None, list[DataError]]:
        """What a worker reads at once: the batch of these keys, without the images that cannot be
        read (None: without any), and what is wrong with their files."""
        items, errors = [], []
        for key in keys:
            try:
                items.append(self[key])
            except DataError as error:
                errors.append(error)
        return (self.collate(items) if items else None), errors

    def empty_batch(self) -> Batch:
        """A batch of no image, for a process whose share of a batch is empty."""
        item = {
            "image": np.zeros((*self.size, 3), np.uint8),
            "shown": (0, 0, *self.size[::-1]),
            "targets": {task.name: task.unlabelled_target(self.label_size) for task in self.tasks},
            "labelled": {task.name: False for task in self.tasks},
            "pseudo_labelled": {task.name: False for task in self.tasks},
            "class_maps": {t.name: np.arange(len(t.classes)) for t in self.tasks if t.has_classes},
        }
        if self.augmentation:
            item |= self.augmentation.colours(generator(0, 0, 0))
        return self.collate([item]).first(0)

    def collate(self, items: Sequence[dict]) -> Batch:
        """A batch of items."""
        has_colour, has_sharpness = ("colour" in items[0], "sharpness" in items[0])
        return Batch(
            images=stack([item["image"] for item in items]),
            shown=torch.tensor([item["shown"] for item in items]),
            colours=stack([item["colour"] for item in items]) if has_colour else None,
            sharpness=torch.tensor([i["sharpness"] for i in items]) if has_sharpness else None,
            targets={t.name: t.collate([i["targets"][t.name] for i in items]) for t in self.tasks},
            labelled=self._flags("labelled", items),
            pseudo_labelled=self._flags("pseudo_labelled", items) if self.pseudo_labels else {},
            class_maps={
                name: torch.from_numpy(np.stack([item["class_maps"][name] for item in items]))
                for name in items[0]["class_maps"]
            },
        )

    def _flags(self, name: str, items: Sequence[dict]) -> dict[str, torch.Tensor]:
        """By task name, (B) bool."""
        return {t.name: torch.tensor([item[name][t.name] for item in items]) for t in self.tasks}

    def _canvas(self, shape: tuple[int, int], rng: np.random.Generator | None = None) -> Canvas:
        """What is stretched to the size of the images."""
        draws = rng is not None and self.aspect == "keep"
        return Canvas.of(shape, self.size, self.aspect, rng.random(2) if draws else (0, 0))

    def _read_image(self, path: Path) -> np.ndarray:
        if self.cache is None:
            return read_image(path)
        return self.cache.get((path,), "image", lambda: read_image(path))

    def _read_target(
        self, task: Task, label: Label | RemappedLabel | None, image: Path, shape: tuple[int, int]
    ) -> np.ndarray | None:
        """The target before any warp; None where the image has neither label nor pseudo-label."""
        if label is not None:
            return self._read_label(task, label, shape)
        return self.pseudo_labels.read(task, image) if self.pseudo_labels else None

    def _read_label(
        self, task: Task, label: Label | RemappedLabel, shape: tuple[int, int]
    ) -> np.ndarray:
        """The target before any warp. In training it is packed with or without a cache, which must
        not change what is learnt."""
        if not self.augmentation:
            return label.read(shape)

        def packed() -> np.ndarray:
            return task.pack(label.read(shape))

        if self.cache is None:
            return packed()
        key = f"{task.task_type} {label.key} {shape}"
        return self.cache.get(label.files, key, packed)


def _class_maps(tasks: Sequence[Task], split: Split) -> dict[str, np.ndarray]:
    """The class maps of a dataset by the names of the tasks with classes."""
    return {task.name: class_map(task, split) for task in tasks if task.has_classes}
