"""Semantic segmentation: the class of every pixel."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.class_maps import UNLABELLED, labels_all
from tasks.legend import class_swatches
from tasks.palette import palette
from tasks.resizing import resized
from tasks.statistics import LabelStatistics, most_first, never, percent, share
from utils.errors import DataError
from utils.option import option
from utils.precision import at_least_float32
from utils.transfer import tensor_on

VOID = 255
"""The class of pixels that count nowhere."""

_MOST_LOGITS = 2**24
"""Of an image, resized at a time: 64 MB."""


class Segmentation(Task):
    """Target: (H, W) uint8, class numbers (see `tasks.class_maps`) and 255 for void. Prediction:
    (B, classes, H, W) logits.

    Accuracy: the intersection over union, averaged over the classes that occur in the truth, coarse
    ones included. `pixel_acc` is the share of the pixels that are not void whose class is right.
    """

    task_type = "segmentation"
    aliases = ("seg",)
    label_type = "classes"
    unit = "logits of the classes"
    has_classes = True
    background = ("background",)
    accuracy = "mIoU"
    metrics = {"mIoU": 1, "pixel_acc": 1}
    selection = ("mIoU",)
    paper_metrics = ("mIoU",)
    protocol_metrics = ("mIoU", "pixel_acc")
    loss_name = "cross entropy"
    has_confidence = True

    label_smoothing: float = option(0.0, "of the classes in segmentation", at_least=0, below=1)

    def __init__(self, classes=(), dataset=None, coarse_classes=None, **options):
        super().__init__(classes, dataset, coarse_classes, **options)
        if len(self.label_classes) > VOID:
            raise DataError(
                f"{self.name} would have {len(self.label_classes)} classes, and a mask holds {VOID}"
            )

    @property
    def head(self) -> DenseHead:
        return DenseHead(len(self.classes))

    def remap_classes(self, target, numbers):
        table = np.full(256, VOID, np.uint8)
        table[: len(numbers)] = [VOID if number < 0 else number for number in numbers]
        return table[target]

    def unlabelled_target(self, size):
        return np.full(size, VOID, np.uint8)

    def usable(self, target):
        return bool((target != VOID).any())

    def warp(self, target, warp):
        return warp.nearest(target, VOID)

    def criterion(self, prediction, target, labelled, class_map=None):
        """Cross entropy with label smoothing, summed over the pixels that are not void.

        Classes that the labels of an image know by one number (see `tasks.class_maps`) are one
        class, whose probability is the sum of theirs: of the background and what is not labelled
        beside it, as in Cermelli et al., "Modeling the Background for Incremental Learning in
        Semantic Segmentation" (CVPR 2020), and of a coarse class."""
        target = select_labelled(target, labelled).long()
        logits = at_least_float32(select_labelled(prediction, labelled))
        count = (target != VOID).sum()
        known = None if class_map is None else class_map[labelled]
        if known is None or labels_all(known):
            return self._cross_entropy(logits, target), count.to(logits)
        total = logits.new_zeros(())
        maps, number_of = known.unique(dim=0, return_inverse=True)
        for number, of_dataset in enumerate(maps):
            images = number_of == number
            pair = select_labelled(logits, images), select_labelled(target, images)
            total = total + self._cross_entropy(*_merged(*pair, of_dataset))
        return total, count.to(logits)

    def _cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            logits,
            target,
            ignore_index=VOID,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def meter(self):
        return _Confusion(self.label_classes)

    def label_statistics(self):
        return _ClassShares(self.classes)

    def constant(self, targets):
        if not targets:
            return None
        counts = sum(np.bincount(t.ravel(), minlength=256)[: len(self.classes)] for t in targets)
        return F.one_hot(torch.as_tensor(int(np.argmax(counts))), len(self.classes)).float()

    def decode(self, prediction):
        return list(prediction.argmax(1).to(torch.uint8).cpu().numpy())

    def decode_at(self, prediction, shown, sizes):
        """The class of the largest logit, after the logits are resized. Those of a large image are
        resized a few classes at a time."""
        parts = zip(prediction, shown.tolist(), sizes, strict=True)
        return [_largest(logits, part, size) for logits, part, size in parts]

    def pseudo_targets(self, prediction, threshold=None):
        """The most probable class of each pixel; void where its probability is not above the
        threshold."""
        if threshold is None:
            return self.decode(prediction)
        logits = at_least_float32(prediction)
        largest, classes = logits.max(1)
        probability = (largest - logits.logsumexp(1)).exp()
        targets = torch.where(probability > threshold, classes, VOID)
        return list(targets.to(torch.uint8).cpu().numpy())

    def draw(self, image, target):
        colours = self._colours()[np.minimum(target, len(self.label_classes))]
        shown = (0.35 * image + 0.65 * colours).astype(np.uint8)
        shown[target == VOID] = image[target == VOID] // 3
        unpainted = np.isin(target, self._background_numbers())
        shown[unpainted] = image[unpainted]
        return shown

    def _colours(self) -> np.ndarray:
        """(classes + 1, 3) uint8 RGB: the colour of each class, which is that of its boxes, and
        black for void. The background has none."""
        classes = range(len(self.label_classes))
        painted = np.setdiff1d(classes, self._background_numbers()).astype(int)
        colours = np.zeros((len(classes) + 1, 3), np.uint8)
        colours[painted] = palette(len(painted))[:-1]
        return colours

    def _background_numbers(self) -> list[int]:
        return [n for n, name in enumerate(self.label_classes) if name in self.background]

    def legend(self, target):
        classes = self.label_classes
        counts = np.bincount(target.ravel(), minlength=256)[: len(classes)]
        counts[self._background_numbers()] = 0  # they are not painted
        return class_swatches(counts, classes, self._colours())


def _largest(logits: Tensor, shown: list[int], size: tuple[int, int]) -> np.ndarray:
    """(height, width) uint8: the class of the largest logit of an image.

    Args:
        logits: (C, h, w).
        shown, size: as :func:`tasks.resizing.resized` has them.
    """
    step = max(1, _MOST_LOGITS // (size[0] * size[1]))
    best, result = None, None
    for first in range(0, len(logits), step):
        values, classes = resized(logits[None, first : first + step], shown, size)[0].max(dim=0)
        if best is None:
            best, result = values, classes.to(torch.uint8)
            continue
        larger = values > best
        result = torch.where(larger, (classes + first).to(torch.uint8), result)
        best = torch.where(larger, values, best)
    return result.cpu().numpy()


def _merged(logits: Tensor, target: Tensor, class_map: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and targets in which the classes that are known by one number are one class.

    Args:
        logits: (B, C, H, W), of images with one class map, (C).
        target: (B, H, W) int64, class numbers and 255.

    Returns:
        (B, G, H, W) and (B, H, W), of the G numbers of the map in their order.
    """
    numbers = class_map.unique()
    groups = [(class_map == number).nonzero().flatten().tolist() for number in numbers]
    merged = [
        logits[:, group[0] : group[0] + 1]
        if len(group) == 1
        else logits.index_select(1, tensor_on(logits.device, group)).logsumexp(1, keepdim=True)
        for group in groups
    ]
    places = torch.full((VOID + 1,), VOID)
    known = numbers != UNLABELLED
    places[numbers[known]] = known.nonzero().flatten()
    return torch.cat(merged, dim=1), places.to(target.device, non_blocking=True)[target]


class _Confusion(Meter):
    """Counts of (true class, predicted class) over pixels. A prediction counts as what the dataset
    of its image calls it, such as the background; in the last column, as no class of it."""

    def __init__(self, classes: tuple[str, ...]):
        self.classes = classes
        self.counts = torch.zeros(len(classes), len(classes) + 1, dtype=torch.int64)

    def update(self, prediction, target, labelled, class_map=None):
        truth = select_labelled(target, labelled).long()
        guess = select_labelled(prediction, labelled).argmax(1)
        if class_map is not None:
            known = class_map[labelled].where(class_map[labelled] != UNLABELLED, len(self.classes))
            guess = known.to(guess.device).gather(1, guess.flatten(1)).view_as(guess)
        valid = truth != VOID
        pairs = truth[valid] * self.counts.shape[1] + guess[valid]
        self.counts += (
            torch.bincount(pairs, minlength=self.counts.numel()).view_as(self.counts).cpu()
        )

    def _ious(self) -> dict[str, float]:
        hits = self.counts.diagonal()
        truth = self.counts.sum(1)
        union = truth + self.counts.sum(0)[:-1] - hits
        return {
            name: (hits[i] / union[i]).item() for i, name in enumerate(self.classes) if truth[i] > 0
        }

    def merge(self, other):
        self.counts += other.counts

    def compute(self):
        ious = self._ious()
        mean = float(np.mean(list(ious.values()))) if ious else float("nan")
        correct = (self.counts.diagonal().sum() / self.counts.sum()).item()
        return Measurement({"mIoU": mean, "pixel_acc": correct}, ious)


class _ClassShares(LabelStatistics):
    """Counts of pixels a class."""

    def __init__(self, classes: tuple[str, ...]):
        super().__init__()
        self.classes = classes
        self.pixels = np.zeros(256, np.int64)

    def count(self, label, target):
        self.pixels += np.bincount(target.ravel(), minlength=256)

    def merge_counts(self, later):
        self.pixels += later.pixels

    def notes(self):
        occurring = [
            n for n, p in zip(self.classes, self.pixels[: len(self.classes)], strict=True) if p
        ]
        if len(occurring) != 1 or len(self.classes) == 1 or not self.pixels[VOID]:
            return super().notes()
        return [
            *super().notes(),
            f"of the {len(self.classes)} classes only '{occurring[0]}' occurs, and all other "
            "pixels are void: are the numbers in the masks those of the classes?",
        ]

    def counts(self):
        known = self.pixels[: len(self.classes)]
        shares = zip(self.classes, known, strict=True)
        return {
            "void": share(self.pixels[VOID], self.pixels.sum()),
            "classes": {name: share(pixels, known.sum()) for name, pixels in shares},
            "never": [n for n, p in zip(self.classes, known, strict=True) if not p],
        }

    def lines(self):
        result = self.counts()
        occurring = {name: value for name, value in result["classes"].items() if value}
        named = [f"{name} {percent(value)}" for name, value in most_first(occurring)]
        return [
            f"void: {percent(result['void'])} of the pixels",
            *([f"of the others: {', '.join(named)}"] if named else []),
            *never(result["never"], len(self.classes)),
        ]
