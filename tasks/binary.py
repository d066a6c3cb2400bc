"""What tasks have in common whose labels say yes or no of every pixel."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from tasks.base import Task
from tasks.legend import Scale
from tasks.statistics import LabelStatistics, percent, share

VOID = 255
"""The target of pixels that count nowhere."""

_VOID_COLOUR = (96, 48, 48)


class BinaryTask(Task):
    """Target: (H, W) uint8: 1 for yes, 0 for no, 255 for void. What a prediction is decoded to:
    (H, W) float32, the probability of a yes.
    """

    unit = "logits"
    label_type = "binary"
    has_confidence = True

    @abstractmethod
    def probability(self, prediction: Tensor) -> Tensor:
        """(B, H, W) float32 or float64: the probability of a yes."""

    def unlabelled_target(self, size):
        return np.full(size, VOID, np.uint8)

    def usable(self, target):
        return bool((target != VOID).any())

    def warp(self, target, warp):
        return warp.nearest(target, VOID)

    def label_statistics(self):
        return _Shares()

    def decode(self, prediction):
        return list(self.probability(prediction).float().cpu().numpy())

    def pseudo_targets(self, prediction, threshold=None):
        """The more probable answer of each pixel; void where its probability is not above the
        threshold."""
        yes = self.probability(prediction)
        targets = (yes >= 0.5).to(torch.uint8)
        if threshold is not None:
            targets[torch.maximum(yes, 1 - yes) <= threshold] = VOID
        return list(targets.cpu().numpy())

    def draw(self, image, target):
        """As bright as a yes is probable; void is reddish."""
        brightness = np.rint(255 * np.clip(target, 0, 1)).astype(np.uint8)
        shown = np.repeat(brightness[..., None], 3, axis=2)
        shown[target == VOID] = _VOID_COLOUR
        return shown

    def legend(self, target):
        shares = np.linspace(0, 1, 256, dtype=np.float32)
        ticks = ((0, "no"), (0.5, "0.5"), (1, "yes"))
        return Scale(self.draw(None, shares[None])[0], ticks)


class _Shares(LabelStatistics):
    """Counts of pixels by answer."""

    def __init__(self):
        super().__init__()
        self.pixels = self.void = self.yes = self.without = 0

    def count(self, label, target):
        yes = int((target == 1).sum())
        self.pixels += target.size
        self.void += int((target == VOID).sum())
        self.yes += yes
        self.without += yes == 0

    def merge_counts(self, later):
        self.pixels += later.pixels
        self.void += later.void
        self.yes += later.yes
        self.without += later.without

    def counts(self):
        return {
            "void": share(self.void, self.pixels),
            "yes": share(self.yes, self.pixels - self.void),
            "without_yes": self.without,
        }

    def lines(self):
        result = self.counts()
        return [
            f"void: {percent(result['void'])} of the pixels; yes: {percent(result['yes'])} of the "
            f"others; labels without any yes: {self.without:,}"
        ]

    def notes(self):
        notes = super().notes()
        if self.labels and self.without == self.labels:
            notes.append("no label has a yes: is the number of a certain yes right (certain)?")
        elif self.yes and self.yes == self.pixels - self.void:
            notes.append("every pixel that counts is a yes: are the numbers of the labels right?")
        return notes
