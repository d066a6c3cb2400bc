"""Semantic segmentation: the class of every pixel."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.palette import palette
from tasks.statistics import LabelStatistics, most_first, never, percent, share
from utils.errors import DataError
from utils.option import option
from utils.precision import at_least_float32

VOID = 255
"""The class of pixels that count nowhere."""


class Segmentation(Task):
    """Target: (H, W) uint8, class indices and 255 for void. Prediction: (B, classes, H, W) logits.

    Accuracy: the intersection over union, averaged over the classes that occur in the truth.
    """

    task_type = "segmentation"
    aliases = ("seg",)
    label_type = "classes"
    has_classes = True
    background = ("background",)
    accuracy = "mIoU"
    metrics = {"mIoU": 1}
    selection = ("mIoU",)

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
        """Cross entropy with label smoothing, summed over the pixels that are not void."""
        target = select_labelled(target, labelled).long()
        total = F.cross_entropy(
            at_least_float32(select_labelled(prediction, labelled)),
            target,
            ignore_index=VOID,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return total, (target != VOID).sum().to(total)

    def meter(self):
        return _Confusion(self.classes)

    def label_statistics(self):
        return _ClassShares(self.classes)

    def constant(self, targets):
        if not targets:
            return None
        counts = sum(np.bincount(t.ravel(), minlength=256)[: len(self.classes)] for t in targets)
        return F.one_hot(torch.as_tensor(int(np.argmax(counts))), len(self.classes)).float()

    def decode(self, prediction):
        return list(prediction.argmax(1).to(torch.uint8).cpu().numpy())

    def draw(self, image, target):
        colours = palette(len(self.classes))
        shown = (0.35 * image + 0.65 * colours[np.minimum(target, len(self.classes))]).astype(
            np.uint8
        )
        shown[target == VOID] = image[target == VOID] // 3
        return shown


class _Confusion(Meter):
    """Counts of (true class, predicted class) over pixels."""

    def __init__(self, classes: tuple[str, ...]):
        self.classes = classes
        self.counts = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def update(self, prediction, target, labelled, class_map=None):
        truth = select_labelled(target, labelled).long()
        guess = select_labelled(prediction, labelled).argmax(1)
        valid = truth != VOID
        pairs = truth[valid] * len(self.classes) + guess[valid]
        self.counts += (
            torch.bincount(pairs, minlength=self.counts.numel()).view_as(self.counts).cpu()
        )

    def _ious(self) -> dict[str, float]:
        hits = self.counts.diagonal()
        truth = self.counts.sum(1)
        union = truth + self.counts.sum(0) - hits
        return {
            name: (hits[i] / union[i]).item() for i, name in enumerate(self.classes) if truth[i] > 0
        }

    def merge(self, other):
        self.counts += other.counts

    def compute(self):
        ious = self._ious()
        mean = float(np.mean(list(ious.values()))) if ious else float("nan")
        return Measurement({"mIoU": mean}, ious)


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
