"""Semantic segmentation: the class of every pixel."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tasks.base import DenseHead, Meter, Task, labelled_part
from tasks.files import fit, read_png
from tasks.survey import Survey, most_first, percent, share
from utils.errors import DataError
from utils.geometry import Warp

VOID = 255
"""The class of pixels that count nowhere."""


class Segmentation(Task):
    """Target: (H, W) uint8, class indices and 255 for void. Prediction: (B, classes, H, W) logits.

    Accuracy: the intersection over union, averaged over the classes that occur in the truth.
    """

    kind = "segmentation"
    aliases = ("seg",)
    options = ("label_smoothing",)
    accuracy = "mIoU"
    metrics = {"mIoU": 1}  # noqa: RUF012
    selection = ("mIoU",)

    def __init__(self, classes=(), dataset=None, label_smoothing: float = 0.0):
        super().__init__(classes, dataset)
        if len(self.classes) > VOID:
            raise DataError(
                f"{self.name} would have {len(self.classes)} classes, and a mask holds {VOID}"
            )
        self.label_smoothing = label_smoothing

    @property
    def head(self) -> DenseHead:
        return DenseHead(len(self.classes))

    def read(self, path: Path, size, *, first: int = 0, void: int = VOID) -> np.ndarray:
        """Reads a PNG of numbers: `first` is that of the first class, `void` that of void."""
        mask = read_png(path)
        if mask.ndim != 2:
            raise DataError(f"{path}: holds colours where class numbers are wanted")
        mask = mask.astype(np.int32)
        classes = np.where(mask == void, VOID, mask - first)
        beyond = mask[(mask != void) & ((classes < 0) | (classes >= len(self.classes)))]
        if beyond.size:
            raise DataError(
                f"{path}: has the value {beyond[0]}, but the {len(self.classes)} "
                f"classes are {first} to {first + len(self.classes) - 1}, and void is {void}"
            )
        return fit(classes.astype(np.uint8), size)

    def carry_over(self, target, classes):
        numbers = np.full(256, VOID, np.uint8)
        numbers[: len(classes)] = [self.classes.index(name) for name in classes]
        return numbers[target]

    def absent(self, size):
        return np.full(size, VOID, np.uint8)

    def warp(self, target, warp: Warp):
        return warp.nearest(target, VOID)

    def criterion(self, prediction, target, labelled):
        """Cross entropy with label smoothing, summed over the pixels that are not void."""
        target = labelled_part(target, labelled).long()
        total = F.cross_entropy(
            labelled_part(prediction, labelled).float(),
            target,
            ignore_index=VOID,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return total, (target != VOID).sum().float()

    def meter(self):
        return _Confusion(self.classes)

    def survey(self):
        return _ClassShares(self.classes)

    def constant(self, targets):
        counts = sum(np.bincount(t.ravel(), minlength=256)[: len(self.classes)] for t in targets)
        return F.one_hot(torch.as_tensor(int(np.argmax(counts))), len(self.classes)).float()

    def answer(self, prediction):
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

    def update(self, prediction, target, labelled):
        truth = labelled_part(target, labelled).long()
        guess = labelled_part(prediction, labelled).argmax(1)
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

    def compute(self):
        ious = list(self._ious().values())
        return {"mIoU": float(np.mean(ious)) if ious else float("nan")}

    def per_class(self):
        return self._ious()


class _ClassShares(Survey):
    """Counts of pixels a class."""

    def __init__(self, classes: tuple[str, ...]):
        super().__init__()
        self.classes = classes
        self.pixels = np.zeros(256, np.int64)

    def count(self, label, target):
        self.pixels += np.bincount(target.ravel(), minlength=256)

    def merge_counts(self, later):
        self.pixels += later.pixels

    def counts(self):
        known = self.pixels[: len(self.classes)]
        shares = zip(self.classes, known, strict=True)
        return {
            "void": share(self.pixels[VOID], self.pixels.sum()),
            "classes": {name: share(pixels, known.sum()) for name, pixels in shares},
            "never": [n for n, p in zip(self.classes, known, strict=True) if not p],
        }

    def lines(self):
        found = self.counts()
        occurring = {name: value for name, value in found["classes"].items() if value}
        named = [f"{name} {percent(value)}" for name, value in most_first(occurring)]
        return [
            f"void: {percent(found['void'])} of the pixels",
            *([f"of the others: {', '.join(named)}"] if named else []),
            *([f"never: {', '.join(found['never'])}"] if found["never"] else []),
        ]


def palette(count: int) -> np.ndarray:
    """(count + 1, 3) uint8 RGB: a colour a class, neighbours far apart, and black behind them."""
    golden = 0.61803398875
    saturations, values = (0.65, 0.9, 0.45), (0.95, 0.75, 0.85)
    colours = [
        colorsys.hsv_to_rgb(i * golden % 1, saturations[i % 3], values[i // 3 % 3])
        for i in range(count)
    ]
    return (np.array([*colours, (0, 0, 0)]) * 255).astype(np.uint8)
