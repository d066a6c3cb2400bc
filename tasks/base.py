"""What a task is: one object that knows everything the program knows about it.

The rest of the program only ever calls the methods of :class:`Task`. A new dense task is a new file
in this folder with a subclass of `Task`; :mod:`tasks` finds it by itself.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from tasks.legend import Scale, Swatches
from tasks.resizing import resized
from tasks.statistics import LabelStatistics
from utils.canvas import without_padding
from utils.geometry import Warp
from utils.memory import stack
from utils.part import Part, Registry

TASKS = Registry("task")
"""Every task by its name in a cfg. A subclass of `Task` with a `task_type` adds itself."""

CONFIDENT = 0.3
"""The score from which on a detection is shown, and teaches other networks: there are up to 200 an
image, nearly all of them weak."""


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
        shown: (B, 4) x1, y1, x2, y2: the pixels, on edges, beyond which there is only padding; None
            where no image has any.
    """

    logits: Tensor
    offsets: Tensor
    anchors: Tensor
    levels: tuple[int, ...]
    size: tuple[int, int]
    shown: Tensor | None = None


def select_labelled(batched: Tensor, labelled: Tensor) -> Tensor:
    """The labelled images of a batch: the tensor itself where all are."""
    if labelled.all():
        return batched
    # Not by the mask itself: a GPU would be waited for, to send the indices.
    return batched[labelled.nonzero()[:, 0].to(batched.device, non_blocking=True)]


@dataclass(frozen=True)
class Measurement:
    """The result of a meter: metrics by name, and one metric by class for tasks with classes, of
    the classes that occur."""

    metrics: dict[str, float]
    per_class: dict[str, float] = field(default_factory=dict)


class Meter(ABC):
    """Accumulates one task's metrics over a whole test set, images in any order and number."""

    @abstractmethod
    def update(self, prediction: Any, target: Any, labelled: Tensor, *class_map: Tensor) -> None:
        """Adds the labelled images of a batch; the arguments are those of `Task.criterion`."""

    @abstractmethod
    def merge(self, other: Meter) -> None:
        """Adds the images of another meter of the same task."""

    @abstractmethod
    def compute(self) -> Measurement:
        """The metrics of all images so far. Nothing seen: every metric is NaN."""


class Task(Part, ABC):
    """One task on one class space, such as depth, or the segmentation of VOC's classes.

    Args:
        classes: the names of the classes in the order of their indices; empty for tasks without.
        dataset: set where two datasets' classes differ, so that each has a task of its own; the
            task is then called `task_type:dataset`.
        coarse_classes: by name, the classes that a coarser one holds, which labels may have; in the
            order of their numbers, which follow those of the classes.

    A *target* is stored as a numpy array for one image, and batched by :meth:`collate`. The shapes,
    units and ranges of targets and predictions stand in each task's own docstring.
    """

    section = "training"

    task_type: ClassVar[str]
    """The name in a cfg, and the key of the labels in a dataset's samples."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Short names that a cfg may use as well."""
    unit: ClassVar[str] = "as in the labels"
    """What the numbers of a prediction are, in words."""
    label_type: ClassVar[str] = "map"
    """The sort of label that it learns from: classes, depth, normals, binary, boxes, values (see
    `tasks.regression`) or map (numbers as they are stored). The formats of this sort
    (`Format.label_type`) give its targets."""
    has_classes: ClassVar[bool] = False
    """Whether its labels are of classes, which a dataset must name."""
    background: ClassVar[tuple[str, ...]] = ()
    """The class that it has beside those of the objects that a COCO JSON names."""
    accuracy: ClassVar[str]
    """The metric in [0, 1], higher is better, that potentials and achievements are made of."""
    metrics: ClassVar[dict[str, int]]
    """Every metric of the meter, by name: +1 where higher is better (then it is a share, in [0, 1],
    and shown in percent), -1 where lower is."""
    selection: ClassVar[tuple[str, ...]]
    """The metrics that the choice of the checkpoint looks at."""
    sums: ClassVar[int] = 1
    """How many sums and counts the criterion gives; those of a task with several are vectors."""
    is_tested_twice: ClassVar[bool] = False
    """Whether a test looks at its images once more, when the metrics of all of them are known; see
    :meth:`finish`."""
    paper_metrics: ClassVar[tuple[str, ...]] = ()
    """The metrics that Δ_MTL is made of under `delta_metrics = paper`; none: the accuracy."""
    protocol_metrics: ClassVar[tuple[str, ...]] = ()
    """Those of the field's protocol, under `delta_metrics = task` and `flat`; none: all."""
    loss_name: ClassVar[str] = "–"
    """What the criterion computes, in a few words."""
    has_confidence: ClassVar[bool] = False
    """Whether a prediction says how sure it is, so that `pseudo_targets` can heed a threshold."""

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        if "task_type" in vars(cls):
            TASKS.add(cls.task_type, cls, cls.aliases)

    def __init__(
        self,
        classes: tuple[str, ...] = (),
        dataset: str | None = None,
        coarse_classes: Mapping[str, tuple[str, ...]] | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.classes = tuple(classes)
        self.dataset = dataset
        self.coarse_classes = dict(coarse_classes or {})

    @property
    def name(self) -> str:
        return f"{self.task_type}:{self.dataset}" if self.dataset else self.task_type

    @property
    def file_name(self) -> str:
        """The name, without what not every file system takes."""
        return self.name.replace(":", "-")

    @property
    def label_classes(self) -> tuple[str, ...]:
        """The names of all numbers that a label may have: the classes and the coarse ones."""
        return (*self.classes, *self.coarse_classes)

    @property
    @abstractmethod
    def head(self) -> DenseHead | BoxHead:
        """The kind of head that predicts this task."""

    def remap_classes(self, target: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        """A target of a dataset with other classes in the task's own numbers. Tasks without classes
        have nothing to do.

        Args:
            numbers: for each class of the dataset, what it is to the task: a class (0 to C - 1), a
                coarse class (from C on), `LEFT_OUT` or `UNLABELLED`; see `tasks.class_maps`.
        """
        return target

    @abstractmethod
    def unlabelled_target(self, size: tuple[int, int]) -> np.ndarray:
        """The target of an image of `size` (height, width) that has no label for this task."""

    def pack(self, target: np.ndarray) -> np.ndarray:
        """The target in fewer bytes, as training takes it; `warp` takes both."""
        return target

    @abstractmethod
    def usable(self, target: np.ndarray) -> bool:
        """Whether a target has anything to learn from: at least one valid pixel. An image whose
        target has none counts as not labelled."""

    @abstractmethod
    def warp(self, target: np.ndarray, warp: Warp) -> np.ndarray:
        """The target of the warped image, also of a label in another form, as numbers of instances
        are."""

    def collate(self, targets: list[np.ndarray]) -> Any:
        """The targets of a batch, stacked along a new first axis."""
        return stack(targets)

    @abstractmethod
    def criterion(
        self, prediction: Any, target: Any, labelled: Tensor, *class_map: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss of a batch as (sum, count) over its labelled images, two scalars, or vectors of
        `sums` numbers where these are several: float32, or float64 where the prediction is.

        Args:
            prediction: the head's output for the whole batch.
            target: the batched targets, those of unlabelled images included.
            labelled: (B) bool on the CPU, the images whose targets count.
            class_map: of tasks with classes alone: which of them the dataset of each image labels;
                see `tasks.class_maps`. By default all.

        The task's loss is :meth:`loss` of Σ sum and Σ count over all parts of a batch, so parts may
        be cut anywhere. An image may be labelled and add nothing to the count (no valid pixel, no
        object). A part without a labelled image, or without any, gives 0 and 0, and the sum has a
        graph to the prediction as in any other part: several processes differentiate theirs alike.
        """

    def loss(self, sums: Tensor, counts: Tensor) -> Tensor:
        """The loss of a batch, a scalar: Σ sum / max(1, Σ count). A task with several sums puts
        them together.

        It is linear in the sums, so that the losses of parts of a batch add up to that of the
        whole.

        Args:
            sums: Σ sum of the criterion, over the batch or a part of it.
            counts: Σ count, over the whole batch.
        """
        return sums / counts.clamp(min=1)

    @abstractmethod
    def meter(self) -> Meter:
        """An empty meter of this task's metrics."""

    def finish(self, meters: Sequence[Meter], whole: Meter | None = None) -> None:
        """Does what the meters of this process's batches have left for when they have all images;
        they are merged next. By default nothing is left.

        Args:
            meters: one a batch.
            whole: in the second round of a test (`is_tested_twice`), what those of all processes
                were merged to in the first.

        Raises:
            DataError: there is too little memory.
        """

    def label_statistics(self) -> LabelStatistics:
        """Empty statistics of this task's labels, for the check of a dataset."""
        return LabelStatistics()

    def decided(self) -> dict[str, str]:
        """Which numbers of a target count, in a few words by subject, where an option says so."""
        return {}

    def selection_score(self, metrics: dict[str, float]) -> float:
        """One number for the choice of the checkpoint: the geometric mean of the `selection`, where
        lower is better turned round (1/x). 0 where one of them is 0, NaN where one is."""
        values = np.array([metrics[name] for name in self.selection])
        if np.isnan(values).any():
            return float("nan")
        if (values <= 0).any():
            return 0.0
        signs = [self.metrics[name] for name in self.selection]
        return float(np.exp(np.mean(signs * np.log(values))))

    @classmethod
    def format_metric(cls, name: str, value: float | None) -> str:
        """The value of a metric as people read it: a share in percent, another number as it is; '–'
        where there was nothing to measure."""
        if value is None or not math.isfinite(value):
            return "–"
        return f"{100 * value:.2f} %" if cls.metrics[name] > 0 else f"{value:.3f}"

    @classmethod
    def format_accuracy(cls, value: float | None) -> str:
        """An accuracy after the name of its metric, as in 'mIoU 26.41 %'."""
        return f"{cls.accuracy} {cls.format_metric(cls.accuracy, value)}"

    def constant(self, targets: list[np.ndarray]) -> Tensor | None:
        """The best prediction that does not look at the image, learnt from training targets: what a
        network must beat to have learnt anything.

        Returns:
            (channels) float32, a dense head's output at every pixel; None where the task has none.
        """
        return None

    def within(self, prediction: Any, shown: Tensor) -> Any:
        """A batch of predictions that says nothing of the padding around the images, as what is
        measured, decoded and taught must be. Predictions by pixel are right as they are: padding is
        void in every target.

        Args:
            shown: (B, 4) x1, y1, x2, y2: the pixels, on edges, that show each image.
        """
        return prediction

    def at_size(self, prediction: Any, size: tuple[int, int]) -> Any:
        """A batch of predictions at the size (height, width) of the images, as networks mostly give
        them; smaller ones are enlarged bilinearly."""
        if not isinstance(prediction, Tensor) or prediction.shape[-2:] == tuple(size):
            return prediction
        return self._resized(prediction, [0, 0, *prediction.shape[:-3:-1]], size)

    def _resized(self, prediction: Tensor, part: Sequence[int], size: tuple[int, int]) -> Tensor:
        """(B, C, height, width) of a part, x1, y1, x2, y2, of a dense prediction."""
        prediction = resized(prediction, part, size)
        return F.normalize(prediction, dim=1, eps=1e-6) if self.head.unit else prediction

    @abstractmethod
    def decode(self, prediction: Any) -> list[np.ndarray]:
        """A batch of predictions as one array an image, stored as the task's targets are."""

    def decode_at(
        self, prediction: Any, shown: Tensor, sizes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        """A batch of predictions as :meth:`decode` has them, each at the size of its image, without
        the padding. Predictions by pixel are resized before they are decoded.

        Args:
            shown: as in :meth:`within`.
            sizes: (height, width) of each image.
        """
        prediction = self.within(prediction, shown)
        parts = zip(shown.tolist(), sizes, strict=True)
        if not isinstance(prediction, Tensor):
            warps = [without_padding(part, size) for part, size in parts]
            decoded = self.decode(prediction)
            return [self.warp(array, warp) for array, warp in zip(decoded, warps, strict=True)]
        result = []
        for of_image, (part, size) in zip(prediction, parts, strict=True):
            result += self.decode(self._resized(of_image[None], part, size))
        return result

    def confident(self, decoded: np.ndarray, threshold: float = CONFIDENT) -> np.ndarray:
        """A decoded prediction without what has a score below `threshold`, where it has
        scores."""
        return decoded

    def pseudo_targets(
        self, prediction: Any, threshold: float | None = None
    ) -> list[np.ndarray | None]:
        """A batch of predictions as targets to train another network on, one an image.

        Args:
            threshold: in [0, 1]; nothing is to be learnt from what the prediction is no surer of.
                Tasks without confidences (`has_confidence`) do not look at it. None: everything
                that would be shown to a user counts.

        Returns:
            the targets; with a threshold, None for an image of which the prediction is sure of
            nothing.
        """
        return self.decode(prediction)

    def export(self, prediction: Any) -> dict[str, Tensor]:
        """A batch of predictions as tensors that can be used without this program, by name."""
        return {self.name: prediction}

    def units(self) -> dict[str, str]:
        """What the numbers of each tensor of :meth:`export` are, in words, by its name."""
        return {self.name: self.unit}

    @abstractmethod
    def draw(self, image: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A picture of a target or of a decoded prediction: (H, W, 3) uint8 RGB, as the image."""

    def legend(self, target: np.ndarray) -> Swatches | Scale | None:
        """What the colours mean in which :meth:`draw` shows a target; None where there is nothing
        to say."""
        return None
