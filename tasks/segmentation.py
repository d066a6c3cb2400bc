"""Semantic segmentation: the class of every pixel."""

from __future__ import annotations

import colorsys
import functools
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from tasks.base import DenseHead, Meter, Task, labelled_part
from tasks.coco_json import CocoLabel
from tasks.files import fit
from tasks.masks import BACKGROUND, coco_mask, read_mask
from tasks.survey import Survey, most_first, never, percent, share
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
    has_classes = True
    background = (BACKGROUND,)
    storage = {"first": int, "void": int}  # noqa: RUF012
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

    def read(
        self,
        label: Path | CocoLabel,
        size,
        *,
        first: int = 0,
        void: int = VOID,
        numbers: tuple[int, ...] = (),
    ) -> np.ndarray:
        """Reads a PNG or .npy of numbers, or draws the objects of a COCO JSON.

        `first` is the number of the first class, and `void` that of void. Or `numbers` has that of
        each class, and all others are void.
        """
        if not isinstance(label, Path):
            return fit(coco_mask(label, size, self.classes, VOID), size)
        mask = read_mask(label)
        classes, unknown = _tables(len(self.classes), first, void, numbers)
        beyond = _looked_up(mask, unknown)
        if beyond.any():
            raise DataError(
                f"{label}: has the value {mask[beyond > 0][0]}, but the {len(self.classes)} "
                f"classes are {first} to {first + len(self.classes) - 1}, and void is {void}"
            )
        return fit(_looked_up(mask, classes), size)

    def carry_over(self, target, classes):
        numbers = np.full(256, VOID, np.uint8)
        numbers[: len(classes)] = [self.classes.index(name) for name in classes]
        return numbers[target]

    def absent(self, size):
        return np.full(size, VOID, np.uint8)

    def warp(self, target, warp: Warp, out=None):
        return warp.nearest(target, VOID, out)

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


@functools.cache
def _tables(
    classes: int, first: int, void: int, given: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """By the number in a mask, modulo 2^16: the class, and whether (1) it means nothing. `given`
    are the numbers of the classes, where there are any."""
    numbers, unknown = np.full(2**16, VOID, np.uint8), np.zeros(2**16, np.uint8)
    stored = given or range(first, first + classes)
    numbers[np.array(stored) % 2**16] = np.arange(classes)
    if not given:
        unknown[:] = 1
        unknown[np.array([*stored, void]) % 2**16] = 0
        numbers[void % 2**16] = VOID
    return numbers, unknown


def _looked_up(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    if mask.dtype == np.uint8:
        return cv2.LUT(mask, table[:256])
    return table[mask.astype(np.uint16)]


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
            *never(found["never"], len(self.classes)),
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
