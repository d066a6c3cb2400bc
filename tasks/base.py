"""What a task is: one object that knows everything the program knows about it.

The rest of the program only ever calls the methods of :class:`Task`. A new dense task is a new file
in this folder with a subclass of `Task`; :mod:`tasks` finds it by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tasks.survey import Survey
from utils.geometry import Warp


@dataclass(frozen=True)
class DenseHead:
    """A map of `channels` numbers a pixel.

    `unit` divides them by their Euclidean length. `start` is what a new head gives everywhere: a
    task whose numbers lie far from 0 would else spend its first epochs on their mean.
    """

    channels: int
    unit: bool = False
    start: float = 0.0


@dataclass(frozen=True)
class BoxHead:
    """Boxes of `classes` classes (the background is not one of them)."""

    classes: int


class BoxPrediction(NamedTuple):
    """What a box head gives for a batch of B images, with A anchors an image.

    Attributes:
        logits: (B, A, classes) before the sigmoid.
        offsets: (B, A, 4) the boxes relative to their anchors, in SSD's coding.
        anchors: (A, 4) centre x, centre y, width, height as shares of the image, in [0, 1].
        levels: the number of anchors of each level, finest first; they add up to A.
        size: (height, width) of the images in pixels.
    """

    logits: Tensor
    offsets: Tensor
    anchors: Tensor
    levels: tuple[int, ...]
    size: tuple[int, int]


def labelled_part(batched: Tensor, labelled: Tensor) -> Tensor:
    """The labelled images of a batch: the tensor itself where all are."""
    return batched if labelled.all() else batched[labelled]


def stacked(arrays: list[np.ndarray], room: Tensor | None = None) -> Tensor:
    """Arrays along a new first axis; of the first rows of `room`, these."""
    return torch.from_numpy(np.stack(arrays)) if room is None else room[: len(arrays)]


class Meter(ABC):
    """Accumulates one task's metrics over a whole test set, images in any order and number."""

    @abstractmethod
    def update(self, prediction: Any, target: Any, labelled: Tensor) -> None:
        """Adds the labelled images of a batch; the arguments are those of `Task.criterion`."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """The metrics of all images so far, by name. Nothing seen: every metric is NaN."""

    def per_class(self) -> dict[str, float]:
        """The metric of each class that occurs, by class name; empty for tasks without classes."""
        return {}


class Task(ABC):
    """One task on one class space, such as depth, or the segmentation of VOC's classes.

    Args:
        classes: the names of the classes in the order of their indices; empty for tasks without.
        dataset: set where two datasets' classes differ, so that each has a task of its own; the
            task is then called `kind:dataset`.

    A *target* is stored as a numpy array for one image, and batched by :meth:`collate`. The shapes,
    units and ranges of targets and predictions stand in each task's own docstring.
    """

    kind: ClassVar[str]
    """The name in a cfg, and the key of the labels in a dataset's samples."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Short names that a cfg may use as well."""
    options: ClassVar[tuple[str, ...]] = ()
    """The options of a cfg that are keyword arguments of this task's constructor."""
    has_classes: ClassVar[bool] = False
    """Whether its labels are of classes, which a dataset must name."""
    background: ClassVar[tuple[str, ...]] = ()
    """The class that it has beside those of the objects that a COCO JSON names."""
    storage: ClassVar[dict[str, type]] = {}
    """The numbers that say how a dataset's files are to be read, each int or float: those keyword
    arguments of `read` that a cfg may give for a dataset of the user's own."""
    accuracy: ClassVar[str]
    """The metric in [0, 1], higher is better, that potentials and achievements are made of."""
    metrics: ClassVar[dict[str, int]]
    """Every metric of the meter, by name: +1 where higher is better (then it is a share, in [0, 1],
    and shown in percent), -1 where lower is."""
    selection: ClassVar[tuple[str, ...]]
    """The metrics that the choice of the checkpoint looks at."""

    def __init__(self, classes: tuple[str, ...] = (), dataset: str | None = None):
        self.classes = tuple(classes)
        self.dataset = dataset

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.dataset}" if self.dataset else self.kind

    @property
    @abstractmethod
    def head(self) -> DenseHead | BoxHead:
        """The kind of head that predicts this task."""

    @abstractmethod
    def read(self, label: Any, size: tuple[int, int], **storage) -> np.ndarray:
        """Reads the label of an image of `size` (height, width), resized to it where it differs: a
        file, or what else datasets say of an image that the task knows how to read.

        `storage` is what the dataset says of its files (scale, void value, …).

        Raises:
            utils.errors.DataError: the file is missing, damaged or of another kind; names it.
        """

    def carry_over(self, target: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """A target in the numbers of other `classes`, all of which are among the task's, in the
        task's own numbers. Tasks without classes have nothing to do."""
        return target

    @abstractmethod
    def absent(self, size: tuple[int, int]) -> np.ndarray:
        """The target of an image of `size` (height, width) that has no label for this task."""

    def pack(self, target: np.ndarray) -> np.ndarray:
        """The target in fewer bytes, to be kept; `warp` takes both."""
        return target

    @abstractmethod
    def warp(self, target: np.ndarray, warp: Warp, out: np.ndarray | None = None) -> np.ndarray:
        """The target of the warped image; in `out`, a row of :meth:`room`, if there is one."""

    def room(
        self,
        count: int,
        size: tuple[int, int],
        empty: Callable[[tuple, torch.dtype], Tensor],
        training: bool = False,
    ) -> Tensor | None:
        """The memory for the targets of `count` images of `size` (height, width), made by `empty`
        of a shape and a type. None where they are not all of one shape. In training they may be
        less exact."""
        pixel = self.absent((1, 1))
        return empty((count, *size, *pixel.shape[2:]), torch.from_numpy(pixel).dtype)

    def collate(self, targets: list[np.ndarray], room: Tensor | None = None) -> Any:
        """The targets of a batch: stacked along a new first axis, unless they are the first rows of
        a `room`."""
        return stacked(targets, room)

    @abstractmethod
    def criterion(self, prediction: Any, target: Any, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch as (sum, count) over its labelled images, two float32 scalars.

        Args:
            prediction: the head's output for the whole batch.
            target: the batched targets, those of unlabelled images included.
            labelled: (B) bool on the CPU, the images whose targets count.

        The task's loss is Σ sum / max(1, Σ count) over all parts of a batch, so parts may be cut
        anywhere. An image may be labelled and add nothing to the count (no valid pixel, no object).
        """

    @abstractmethod
    def meter(self) -> Meter:
        """An empty meter of this task's metrics."""

    @abstractmethod
    def survey(self) -> Survey:
        """An empty survey of this task's labels, for the check of a dataset."""

    def total(self, metrics: dict[str, float]) -> float:
        """One number for the choice of the checkpoint: the geometric mean of the `selection`, where
        lower is better turned round (1/x). 0 where one of them is 0 or NaN."""
        values = [metrics[name] for name in self.selection]
        if not all(value > 0 for value in values):
            return 0.0
        signs = [self.metrics[name] for name in self.selection]
        return float(np.exp(np.mean(np.array(signs) * np.log(values))))

    def constant(self, targets: list[np.ndarray]) -> Tensor | None:
        """The best prediction that does not look at the image, learnt from training targets: what a
        network must beat to have learnt anything.

        Returns:
            (channels) float32, a dense head's output at every pixel; None where the task has none.
        """
        return None

    @abstractmethod
    def answer(self, prediction: Any) -> list[np.ndarray]:
        """A batch of predictions as one array an image, stored as the task's targets are."""

    def pseudo_targets(self, prediction: Any) -> list[np.ndarray]:
        """A batch of predictions as targets to train another network on, one an image."""
        return self.answer(prediction)

    @abstractmethod
    def draw(self, image: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A picture of a target, or of an answer: (H, W, 3) uint8 RGB, as the image itself is."""
