"""Disparity and inverse depth: how near every pixel is, in a unit of the dataset's."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.legend import Scale
from tasks.statistics import LabelStatistics, percent, share
from utils.memory import lend
from utils.precision import at_least_float32

_SMALLEST = 1e-6  # of a prediction: 0 and below would be no disparity
_MOST = 99  # percent of a picture's disparities that are within its scale of colours
_EVERY = 16  # of the pixels, which the constant prediction is learnt from


class Disparity(Task):
    """Target: (H, W) float32, 0 and below where there is no reading. Prediction: (B, 1, H, W).

    Cityscapes' are its numbers of 16 bits divided by 2729.068, as Sener and Koltun ("Multi-Task
    Learning as Multi-Objective Optimization", NeurIPS 2018) and Aligned-MTL have them.

    Accuracy: d1, the share of the pixels whose disparity is within a factor of 1.25 of the truth.
    It has no unit, and is that of the depth, which is a constant divided by the disparity. With the
    prediction p and the truth t, over the pixels of all images, mse is the mean of (p - t)²,
    abs_err of |p - t|, and abs_rel of |p - t| / t.
    """

    task_type = "disparity"
    unit = "as in the labels; of Cityscapes, numbers of 16 bits / 2729.068"
    accuracy = "d1"
    metrics = {"d1": 1, "mse": -1, "abs_err": -1, "abs_rel": -1}
    selection = ("mse",)
    paper_metrics = ("mse",)
    protocol_metrics = ("mse",)
    loss_name = "absolute error"

    @property
    def head(self) -> DenseHead:
        return DenseHead(1)

    def unlabelled_target(self, size):
        return np.zeros(size, np.float32)

    def usable(self, target):
        return bool(_is_known(target).any())

    def warp(self, target, warp):
        """Zooming in brings the scene closer: the disparities are multiplied by the zoom."""
        moved = warp.nearest(target, 0.0)
        if warp.zoom == 1:
            return moved
        return np.multiply(moved, np.float32(warp.zoom), out=lend(moved.shape, np.float32))

    def criterion(self, prediction, target, labelled):
        """The absolute error, summed over the pixels with a reading."""
        target = select_labelled(target, labelled)
        valid = _is_known(target)
        guess = at_least_float32(select_labelled(prediction, labelled)[:, 0])
        error = (guess - torch.where(valid, target, 0.0)).abs()
        total = torch.where(valid, error, 0.0).sum()
        return total, valid.sum().to(total)

    def meter(self):
        return _DisparityErrors()

    def label_statistics(self):
        return _DisparityRange()

    def constant(self, targets):
        """The median, which has the least absolute error."""
        if not targets:
            return None
        known = np.concatenate([target[_is_known(target)][::_EVERY] for target in targets])
        return torch.tensor([np.median(known)], dtype=torch.float32)

    def decode(self, prediction):
        return list(prediction[:, 0].float().cpu().numpy())

    def decode_at(self, prediction, shown, sizes):
        """None of the disparities is void where it is read as a label."""
        decoded = super().decode_at(prediction, shown, sizes)
        return [np.maximum(disparity, _SMALLEST) for disparity in decoded]

    def draw(self, image, target):
        """The nearer, the brighter; black without a reading."""
        known = _is_known(target)
        shown = _colours(np.where(known, target, 0) / _brightest(target))
        shown[~known] = 0
        return shown

    def legend(self, target):
        brightest = _brightest(target)
        ticks = ((place, f"{place * brightest:.3g}") for place in (0, 0.25, 0.5, 0.75, 1))
        return Scale(_colours(np.linspace(0, 1, 256)[None])[0], tuple(ticks))


class InverseDepth(Disparity):
    """Target: (H, W) float32, 0 where there is no reading. Prediction: (B, 1, H, W).

    The depth of Cityscapes as MTAN ships it (Liu et al., CVPR 2019). It is a disparity in another
    unit, and a task of its own, for one network cannot learn both units under one name. The
    protocol's metrics are abs_err and abs_rel.
    """

    task_type = "inverse_depth"
    unit = "inverse depth, as in the labels"
    selection = ("abs_err", "abs_rel")
    paper_metrics = ("abs_err",)
    protocol_metrics = ("abs_err", "abs_rel")


def _is_known(disparity: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Bool of the same shape: the pixels with a reading."""
    return (disparity > 0) & (disparity < np.inf)


def _brightest(disparity: np.ndarray) -> float:
    """The disparity that has the brightest colour of a picture."""
    known = _is_known(disparity)
    return float(np.percentile(disparity[known], _MOST)) if known.any() else 1.0


def _colours(places: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB of places on the scale of colours, from 0 to 1."""
    levels = (255 * np.clip(places, 0, 1)).astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].copy()


class _DisparityErrors(Meter):
    """Sums over all pixels with a reading."""

    def __init__(self):
        self.sums = torch.zeros(5, dtype=torch.float64)

    def update(self, prediction, target, labelled):
        truth = select_labelled(target, labelled)
        valid = _is_known(truth)
        truth = truth[valid].double()
        guess = select_labelled(prediction, labelled)[:, 0][valid].double()
        positive = guess.clamp(min=_SMALLEST)
        ratio = torch.maximum(positive / truth, truth / positive)
        error = guess - truth
        sums = [
            (ratio < 1.25).sum(),
            error.square().sum(),
            error.abs().sum(),
            (error.abs() / truth).sum(),
            valid.sum(),
        ]
        self.sums += torch.stack([value.double() for value in sums]).cpu()

    def merge(self, other):
        self.sums += other.sums

    def compute(self):
        names = ("d1", "mse", "abs_err", "abs_rel")
        means = (self.sums[:4] / self.sums[4]).tolist()
        return Measurement(dict(zip(names, means, strict=True)))


class _DisparityRange(LabelStatistics):
    """The least, the mean and the largest reading."""

    def __init__(self):
        super().__init__()
        self.pixels = self.readings = 0
        self.least, self.largest = np.inf, 0.0
        self.sum = Fraction()  # exact, so that it does not matter how the labels are divided

    def count(self, label: Any, target: np.ndarray) -> None:
        readings = target[_is_known(target)]
        self.pixels += target.size
        self.readings += readings.size
        if readings.size:
            self.least = min(self.least, float(readings.min()))
            self.largest = max(self.largest, float(readings.max()))
            self.sum += Fraction(float(readings.sum(dtype=np.float64)))

    def merge_counts(self, later: Any) -> None:
        self.pixels += later.pixels
        self.readings += later.readings
        self.least, self.largest = min(self.least, later.least), max(self.largest, later.largest)
        self.sum += later.sum

    def counts(self):
        has_readings = self.readings > 0
        return {
            "least": self.least if has_readings else None,
            "mean": float(self.sum / self.readings) if has_readings else None,
            "largest": self.largest if has_readings else None,
            "without_reading": share(self.pixels - self.readings, self.pixels),
        }

    def lines(self):
        result = self.counts()
        if result["mean"] is None:
            return ["no pixel has a reading"]
        return [
            f"from {result['least']:.4g} to {result['largest']:.4g}, mean {result['mean']:.4g}; no "
            f"reading: {percent(result['without_reading'])} of the pixels"
        ]
