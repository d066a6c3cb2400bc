"""Saliency: whether every pixel is of an object that draws the eye."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tasks.base import DenseHead, Measurement, Meter, select_labelled
from tasks.binary import VOID, BinaryTask
from utils.precision import at_least_float32

_BETA_SQUARED = 0.3
_THRESHOLDS = 19
"""Those of 0.05 to 0.95, in equal steps."""


class Saliency(BinaryTask):
    """Target: (H, W) uint8: 1 salient, 0 not, 255 void. Prediction: (B, 2, H, W) logits of not
    salient and salient.

    Accuracy: max F of the precision P and the recall R, (1 + β²) P R / (β² P + R) with β² = 0.3, at
    the best of the thresholds 0.05, 0.1, … 0.95 of the probability; Achanta et al.,
    "Frequency-tuned Salient Region Detection" (CVPR 2009). Its pixels are counted over all images.
    """

    task_type = "saliency"
    unit = "logits of not salient and salient"
    loss_name = "class-balanced cross entropy"
    accuracy = "maxF"
    metrics = {"maxF": 1}
    selection = ("maxF",)
    sums = 2

    @property
    def head(self):
        return DenseHead(2)

    def probability(self, prediction):
        logits = at_least_float32(prediction)
        return (logits[:, 1] - logits[:, 0]).sigmoid()

    def criterion(self, prediction, target, labelled):
        """(2) the cross entropy of the pixels that are not salient and of those that are, summed,
        and (2) their numbers."""
        target = select_labelled(target, labelled)
        logits = at_least_float32(select_labelled(prediction, labelled))
        losses = F.cross_entropy(logits, target.long(), ignore_index=VOID, reduction="none")
        classes = [target == number for number in (0, 1)]
        totals = [torch.where(pixels, losses, 0.0).sum() for pixels in classes]
        counts = torch.stack([pixels.sum() for pixels in classes])
        return torch.stack(totals), counts.to(logits)

    def loss(self, sums, counts):
        """Cross entropy with the weights 1 - w and w for the two classes, over the number of
        pixels; w is the share of the pixels that are not salient in the whole batch, as in Maninis
        et al., "Attentive Single-Tasking of Multiple Tasks" (CVPR 2019):
        (n₁ S₀ + n₀ S₁) / (n₀ + n₁)²."""
        weights = counts.flip(0) / counts.sum().clamp(min=1)
        return (weights * sums).sum() / counts.sum().clamp(min=1)

    def meter(self):
        return _PixelCounts(self)

    def constant(self, targets):
        """Everything is salient: nothing else has any recall."""
        return torch.tensor([0.0, 1.0]) if targets else None


class _PixelCounts(Meter):
    """Numbers of pixels by the thresholds that their probabilities reach, and by their class."""

    def __init__(self, task: Saliency):
        self.task = task
        self.counts = torch.zeros(2, _THRESHOLDS + 1, dtype=torch.int64)

    def update(self, prediction, target, labelled):
        truth = select_labelled(target, labelled).long()
        probability = (
            self.task.probability(select_labelled(prediction, labelled)).double().nan_to_num(0)
        )
        thresholds = torch.arange(1, _THRESHOLDS + 1, dtype=torch.float64) / (_THRESHOLDS + 1)
        reached = torch.searchsorted(thresholds.to(probability.device), probability, right=True)
        valid = truth != VOID
        cells = truth[valid] * self.counts.shape[1] + reached[valid]
        counted = torch.bincount(cells, minlength=self.counts.numel())
        self.counts += counted.view_as(self.counts).cpu()

    def merge(self, other):
        self.counts += other.counts

    def compute(self):
        if not self.counts.sum():
            return Measurement({"maxF": float("nan")})
        # Column k has the pixels at the k-th threshold and beyond.
        false, hits = self.counts.flip(1).cumsum(1).flip(1)[:, 1:].double()
        salient = self.counts[1].sum()
        found = (hits + false).clamp(min=1)
        precision, recall = hits / found, hits / salient.clamp(min=1)
        below = (_BETA_SQUARED * precision + recall).clamp(min=torch.finfo(torch.float64).tiny)
        scores = (1 + _BETA_SQUARED) * precision * recall / below
        return Measurement({"maxF": scores.max().item()})
