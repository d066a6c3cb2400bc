"""Depth: the distance of every pixel along the camera's axis."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.legend import Scale
from tasks.statistics import LabelStatistics, percent, share
from utils.memory import lend
from utils.option import option
from utils.precision import at_least_float32

NEAREST, FARTHEST = 1e-3, 10.0
"""Metres; a depth counts where it lies strictly between them. The farthest is that of indoor data,
where the cfg says nothing else."""

_HALFWAY = 3.0
"""Metres, the depth in the middle of the colours of pictures without a farthest depth."""

_OFF_ENDS = 1e-3  # metres, the step of a picture of 16 bits

_MOST_MILLIMETRES = np.iinfo(np.uint16).max

_BINS = 2**16
_LOG_RATIO = np.log(1e10) / _BINS
"""Of the depths that a bin of the histogram begins and ends with, which differ by 0.035 %. The bins
reach from `NEAREST` to 1e7 m; the last one has all beyond."""

_TOO_NEAR = 0.01  # of the farthest that counts; a median below it is a mistake in the unit
_TOO_MANY = 0.01  # of the pixels, for one number

_TYPICAL = 0.3
"""Of the farthest, about the mean depth: 3 m in rooms, 24 m in streets seen to 80 m."""

_PERCENT = 100


class Depth(Task):
    """Target: (H, W) float32 metres, 0 where there is no reading. Prediction: (B, 1, H, W) metres.

    Accuracy: d1, the share of pixels whose depth is within a factor of 1.25 of the truth.

    Readings at `max_depth` metres and beyond do not count, in training as in testing; where it is
    empty, all that are finite do.

    Metrics, with the prediction p held to the range that counts and the truth t, over the pixels of
    all images:

    - d1, d2, d3: the share with max(p/t, t/p) below 1.25, 1.25², 1.25³ (Eigen et al., NeurIPS 2014)
    - rmse, abs_err: √mean (p − t)² and mean |p − t|, in metres
    - abs_rel, sq_rel: mean |p − t|/t, and mean (p − t)²/t in metres
    - log_rmse, log10: √mean (ln p − ln t)² and mean |log₁₀ p − log₁₀ t|
    - silog: 100 times the standard deviation of ln p − ln t within an image, averaged over the
      images (as KITTI's benchmark has it): blind to the scale of each image's prediction
    """

    task_type = "depth"
    unit = "metres"
    label_type = "depth"
    accuracy = "d1"
    metrics = {
        **{"d1": 1, "d2": 1, "d3": 1, "rmse": -1, "abs_rel": -1},
        **{"abs_err": -1, "sq_rel": -1, "log_rmse": -1, "log10": -1, "silog": -1},
    }
    selection = ("d1", "rmse")
    paper_metrics = ("rmse",)
    protocol_metrics = ("abs_err", "abs_rel")
    loss_name = "absolute error in metres"

    max_depth: float | None = option(
        FARTHEST,
        "metres; depths from there on do not count (empty: all count)",
        above=0,
        empty_is_none=True,
    )

    @property
    def farthest(self) -> float:
        """Metres from which on a depth does not count; infinite where all count."""
        return math.inf if self.max_depth is None else self.max_depth

    @property
    def head(self) -> DenseHead:
        return DenseHead(1, start=_TYPICAL * (self.max_depth or FARTHEST))

    def unlabelled_target(self, size):
        return np.zeros(size, np.float32)

    def pack(self, target):
        """(H, W) uint16 millimetres, half a millimetre off at most, where all depths fit: below
        65.5 m. Else, and where one is below 0, the target as it is."""
        low, high, _, _ = cv2.minMaxLoc(target)
        if low < 0 or high > _MOST_MILLIMETRES / 1000:
            return target
        return np.rint(target * np.float32(1000)).astype(np.uint16)

    def usable(self, target):
        a_few_rows = target[::16]  # which nearly always tell
        return bool(self.valid_pixels(a_few_rows).any() or self.valid_pixels(target).any())

    def warp(self, target, warp):
        """Zooming in brings the scene closer: the depths are divided by the zoom."""
        metres = 1e-3 if target.dtype == np.uint16 else 1.0
        moved = warp.nearest(target, 0.0)
        closer = np.float32(metres / warp.zoom)
        return np.multiply(moved, closer, out=lend(moved.shape, np.float32))

    def criterion(self, prediction, target, labelled):
        """The absolute error in metres, summed over the pixels with a reading."""
        target = select_labelled(target, labelled)
        valid = self.valid_pixels(target)
        metres = at_least_float32(select_labelled(prediction, labelled)[:, 0])
        total = torch.where(valid, (metres - target).abs(), 0.0).sum()
        return total, valid.sum().to(total)

    def valid_pixels(self, depth: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """Bool of the same shape: the pixels whose depth counts."""
        return (depth > NEAREST) & (depth < self.farthest)

    def meter(self):
        return _DepthErrors(self)

    def label_statistics(self):
        return _DepthRange(self.farthest)

    def decided(self):
        if self.max_depth is None:
            return {"range": f"all from {NEAREST:g} m on counts (max_depth is empty)"}
        return {"range": f"{NEAREST:g} to {self.max_depth:g} m counts (max_depth)"}

    def constant(self, targets):
        if not targets:
            return None
        valid = [target[self.valid_pixels(target)] for target in targets]
        return torch.tensor([np.concatenate(valid).mean(dtype=np.float64)], dtype=torch.float32)

    def decode(self, prediction):
        return list(prediction[:, 0].float().cpu().numpy())

    def decode_at(self, prediction, shown, sizes):
        """The depths are within the range that counts, as in testing, and a millimetre off its
        ends: none is void where it is read as a label."""
        decoded = super().decode_at(prediction, shown, sizes)
        ends = NEAREST + _OFF_ENDS, self.farthest - _OFF_ENDS
        return [np.clip(depth, *ends) for depth in decoded]

    def draw(self, image, target):
        near = 255 * (1 - self._place(target))
        shown = cv2.applyColorMap(near.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1].copy()
        shown[target <= NEAREST] = 0
        return shown

    def _place(self, depth: np.ndarray) -> np.ndarray:
        """Where depths lie on the scale of colours, from 0 for the nearest to 1."""
        if self.max_depth is None:
            depth = np.maximum(depth, 0)
            return 1 - _HALFWAY / (_HALFWAY + depth)
        return np.clip(depth / self.max_depth, 0, 1) ** 0.5

    def legend(self, target):
        if self.max_depth is None:
            places = np.linspace(0, 1, 256, endpoint=False, dtype=np.float32)
            metres = np.maximum(_HALFWAY * places / (1 - places), 2 * NEAREST)
            ticks = [(p, f"{_HALFWAY * p / (1 - p):g}") for p in (0, 0.25, 0.5, 0.75)]
            return Scale(self.draw(None, metres[None])[0], (*ticks, (1, "farther (m)")))
        metres = np.linspace(2 * NEAREST, self.max_depth, 256, dtype=np.float32)
        ticks = [(share, f"{share * self.max_depth:g}") for share in (0, 0.25, 0.5, 0.75)]
        return Scale(self.draw(None, metres[None])[0], (*ticks, (1, f"{self.max_depth:g} m")))


class _DepthErrors(Meter):
    """Sums over all pixels with a reading, and of silog over all images with one."""

    def __init__(self, task: Depth):
        self.task = task
        self.pixel_sums = torch.zeros(10, dtype=torch.float64)
        self.image_sums = torch.zeros(2, dtype=torch.float64)

    def update(self, prediction, target, labelled):
        truth = select_labelled(target, labelled)
        valid = self.task.valid_pixels(truth)
        guess = select_labelled(prediction, labelled)[:, 0]
        guess = guess.double().clamp(NEAREST, self.task.farthest)
        self.image_sums += _scale_invariant(guess, truth, valid).cpu()
        guess, truth = guess[valid], truth[valid].double()
        ratio = torch.maximum(guess / truth, truth / guess)
        error, log_error = guess - truth, (guess / truth).log()
        sums = [
            *((ratio < 1.25**power).sum() for power in (1, 2, 3)),
            error.abs().sum(),
            error.square().sum(),
            (error.abs() / truth).sum(),
            (error.square() / truth).sum(),
            log_error.square().sum(),
            log_error.abs().sum(),
            valid.sum(),
        ]
        self.pixel_sums += torch.stack([value.double() for value in sums]).cpu()

    def merge(self, other):
        self.pixel_sums += other.pixel_sums
        self.image_sums += other.image_sums

    def compute(self):
        *sums, pixels = self.pixel_sums
        d1, d2, d3, absolute, square, relative, square_relative, log_square, log = (
            (value / pixels).item() for value in sums
        )
        silog, images = self.image_sums
        return Measurement(
            {
                **{"d1": d1, "d2": d2, "d3": d3, "rmse": square**0.5, "abs_rel": relative},
                **{"abs_err": absolute, "sq_rel": square_relative, "log_rmse": log_square**0.5},
                **{"log10": log / math.log(10), "silog": (silog / images).item()},
            }
        )


def _scale_invariant(guess: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """(2) float64: the sum of silog over the images with a valid pixel, and how many they are.

    Args:
        guess, truth: (B, H, W) metres.
        valid: (B, H, W) bool.
    """
    valid = valid.flatten(1)
    error = torch.where(valid, (guess / truth.double()).flatten(1).log(), 0.0)
    pixels = valid.sum(1)
    has_pixels = pixels > 0
    pixels = pixels[has_pixels].double()
    mean = error[has_pixels].sum(1) / pixels
    spread = torch.where(valid[has_pixels], error[has_pixels] - mean[:, None], 0.0)
    deviation = (spread.square().sum(1) / pixels).sqrt()
    return torch.stack([_PERCENT * deviation.sum(), has_pixels.sum().double()])


class _DepthRange(LabelStatistics):
    """How far the readings are: a histogram of equal ratios, and the nearest and the farthest."""

    def __init__(self, farthest: float):
        super().__init__()
        self.farthest = farthest
        self.pixels = self.beyond = self.at_ceiling = 0
        self.histogram = np.zeros(_BINS, np.int64)
        self.nearest_reading, self.farthest_reading = np.inf, 0.0

    def count(self, label, target):
        readings = target[target > NEAREST]
        self.pixels += target.size
        if not readings.size:
            return
        self.beyond += int((readings >= self.farthest).sum())
        if (ceiling := label.format.ceiling(label)) is not None:
            self.at_ceiling += int((readings == np.float32(ceiling)).sum())
        bins = (np.log(readings / NEAREST) / _LOG_RATIO).astype(np.int64)
        self.histogram += np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS)
        self.nearest_reading = min(self.nearest_reading, float(readings.min()))
        self.farthest_reading = max(self.farthest_reading, float(readings.max()))

    def merge_counts(self, later):
        self.pixels += later.pixels
        self.beyond += later.beyond
        self.at_ceiling += later.at_ceiling
        self.histogram += later.histogram
        self.nearest_reading = min(self.nearest_reading, later.nearest_reading)
        self.farthest_reading = max(self.farthest_reading, later.farthest_reading)

    def counts(self):
        readings = int(self.histogram.sum())
        return {
            "nearest": self.nearest_reading if readings else None,
            "median": self._median(readings) if readings else None,
            "farthest": self.farthest_reading if readings else None,
            "without_reading": share(self.pixels - readings, self.pixels),
            "beyond_max_depth": share(self.beyond, readings),
            "largest_number": share(self.at_ceiling, self.pixels),
        }

    def _median(self, readings: int) -> float:
        half = int(np.searchsorted(self.histogram.cumsum(), readings / 2))
        middle = NEAREST * float(np.exp((half + 0.5) * _LOG_RATIO))
        return min(max(middle, self.nearest_reading), self.farthest_reading)

    def lines(self):
        result = self.counts()
        if result["median"] is None:
            return ["no pixel has a reading"]
        line = (
            f"from {result['nearest']:.2f} to {result['farthest']:.2f} m, median "
            f"{result['median']:.2f} m; no reading: {percent(result['without_reading'])} of the "
            "pixels"
        )
        if self.is_bounded:
            line += f"; at {self.farthest:g} m (max_depth) or beyond: "
            line += f"{percent(result['beyond_max_depth'])} of the readings"
        return [line]

    @property
    def is_bounded(self) -> bool:
        return self.farthest < math.inf

    def notes(self):
        result, notes = self.counts(), super().notes()
        if (result["beyond_max_depth"] or 0) > 0.5:
            notes.append("most readings lie at max_depth or beyond: are the depths in metres?")
        too_near = self.farthest * _TOO_NEAR if self.is_bounded else 0
        if result["median"] is not None and result["median"] < too_near:
            notes.append(
                f"half of the readings are nearer than {result['median']:.3g} m, which is less "
                "than a hundredth of max_depth: is depth_unit right?"
            )
        if (result["largest_number"] or 0) > _TOO_MANY:
            notes.append(
                f"{percent(result['largest_number'])} of the pixels hold the largest number that "
                "their type can: does it mean that there is no reading (depth_invalid)?"
            )
        return notes
