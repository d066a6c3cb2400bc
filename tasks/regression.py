"""Regression of numbers by pixel: one task for all whose targets differ by numbers alone."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.legend import Scale
from tasks.statistics import LabelStatistics, percent, share
from utils.errors import DataError
from utils.precision import at_least_float32
from utils.text import count_of

_BINS = 1000
"""Of the histogram of the values, over their range; and one more on each side, for those beyond."""
_TOO_MANY_BEYOND = 0.5  # of the values, outside of the range


class Regression(Task):
    """Target: (H, W) float32, or (H, W, C) of several channels, NaN where there is no value;
    batched (B, C, H, W). Prediction: (B, C, H, W).

    Accuracy: `within`, the share of pixels of which every channel is less than `tolerance` off.
    That is of the kind of depth's d1 and the normals' 11.25°: a share of pixels by one threshold,
    which does not depend on how far off the others are. Beside it stand the mean absolute error
    (`l1`), and the root of the mean squared error (`rmse`) or the mean squared error itself
    (`mse`), over all channels of all pixels with a value: papers compare by those.

    A subclass is a task: its name, and what its numbers are.
    """

    label_type = "values"
    accuracy = "within"
    metrics = {"within": 1, "l1": -1, "rmse": -1}
    selection = ("within", "l1")
    paper_metrics = protocol_metrics = ("l1",)
    loss_name = "absolute error"

    channels: ClassVar[int] = 1
    squared: ClassVar[bool] = False
    """Whether the loss is the squared error; else it is the absolute error."""
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """What a value is expected to lie in: from the first to the last colour of a picture."""
    tolerance: ClassVar[float] = 0.1
    """How far off a value may be that counts as right: by default a twentieth of −1 to 1."""
    typical: ClassVar[float] = 0.0
    """What a new head gives everywhere."""

    @property
    def head(self) -> DenseHead:
        return DenseHead(self.channels, start=self.typical)

    def unlabelled_target(self, size):
        return np.full(self._shape(size), np.nan, np.float32)

    def usable(self, target):
        self._require_channels(target)
        # One value in a few rows nearly always tells.
        return bool(_valid(target[::16]).any() or _valid(target).any())

    def warp(self, target, warp):
        """Linearly: the values change little from pixel to pixel, or are to be smooth."""
        self._require_channels(target)
        return warp.linear(target)

    def collate(self, targets):
        batch = super().collate(targets)
        return batch[:, None] if self.channels == 1 else batch.permute(0, 3, 1, 2)

    def criterion(self, prediction, target, labelled):
        """The mean of the absolute (or squared) errors of a pixel's channels, summed over the
        pixels with a value."""
        errors, valid = self.errors(prediction, target, labelled)
        loss = (errors.square() if self.squared else errors.abs()).mean(dim=1)
        total = torch.where(valid, loss, 0.0).sum()
        return total, valid.sum().to(total)

    def errors(self, prediction: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) what is added to the values of the labelled images, and (B, H, W) bool: the
        pixels with a value in every channel; the errors of others mean nothing."""
        target = select_labelled(target, labelled)
        valid = target.isfinite().all(dim=1)
        # Without NaN, which a gradient of 0 would not undo.
        truth = target.nan_to_num(0.0, 0.0, 0.0)
        return at_least_float32(select_labelled(prediction, labelled)) - truth, valid

    def meter(self):
        return _Errors(self)

    def label_statistics(self):
        return _Values(self)

    def decided(self):
        low, high = self.range
        return {"range": f"about {low:g} to {high:g}"}

    def constant(self, targets):
        """What makes the loss least: the mean of the values for squared errors, their median for
        absolute ones."""
        if not targets:
            return None
        fewer = [target[::2, ::2] for target in targets]  # enough, and a quarter of the memory
        valid = np.concatenate([target[_valid(target)] for target in fewer])
        centre = np.mean if self.squared else np.median
        return torch.tensor(centre(valid.reshape(-1, self.channels), axis=0), dtype=torch.float32)

    def decode(self, prediction):
        maps = prediction.float().permute(0, 2, 3, 1).cpu().numpy()
        return list(maps[..., 0] if self.channels == 1 else maps)

    def draw(self, image, target):
        """One channel from dark to bright, more as red, green and blue; black is no value."""
        low, high = self.range
        known = _valid(target)
        with np.errstate(invalid="ignore"):
            shares = np.nan_to_num(np.clip((target - low) / (high - low), 0, 1))
        levels = np.rint(255 * shares).astype(np.uint8)
        if self.channels == 1:
            shown = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1].copy()
        else:
            shown = np.zeros((*levels.shape[:2], 3), np.uint8)
            shown[..., : self.channels] = levels
        shown[~known] = 0
        return shown

    def legend(self, target):
        """The range, with all channels alike."""
        low, high = self.range
        values = np.linspace(low, high, 256, dtype=np.float32)[None]
        if self.channels > 1:
            values = np.repeat(values[..., None], self.channels, axis=2)
        ticks = [(share, f"{low + share * (high - low):g}") for share in (0, 0.25, 0.5, 0.75, 1)]
        return Scale(self.draw(None, values)[0], tuple(ticks))

    def _shape(self, size: tuple[int, int]) -> tuple[int, ...]:
        return tuple(size) if self.channels == 1 else (*size, self.channels)

    def _require_channels(self, target: np.ndarray) -> None:
        """Checks the shape of a target, which files of a user's own need not have.

        Raises:
            DataError: it has another number of channels.
        """
        if target.shape[2:] != self._shape(target.shape[:2])[2:]:
            found = target.shape[2] if target.ndim == 3 else 1
            raise DataError(
                f"{self.name} has {count_of(self.channels, 'channel')}, and a label has {found}"
            )


def _valid(target: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels with a value in every channel."""
    finite = np.isfinite(target)
    return finite.all(axis=2) if finite.ndim == 3 else finite


class _Errors(Meter):
    """Sums over all pixels with a value."""

    def __init__(self, task: Regression):
        self.task = task
        self.sums = torch.zeros(4, dtype=torch.float64)

    def update(self, prediction, target, labelled):
        errors, valid = self.task.errors(prediction.double(), target, labelled)
        errors = errors.abs().permute(0, 2, 3, 1)[valid]
        sums = [
            (errors < self.task.tolerance).all(dim=1).sum(),
            errors.mean(dim=1).sum(),
            errors.square().mean(dim=1).sum(),
            valid.sum(),
        ]
        self.sums += torch.stack([value.double() for value in sums]).cpu()

    def merge(self, other):
        self.sums += other.sums

    def compute(self):
        within, l1, mse = (self.sums[:3] / self.sums[3]).tolist()
        all_metrics = {"within": within, "l1": l1, "mse": mse, "rmse": mse**0.5}
        return Measurement({name: all_metrics[name] for name in self.task.metrics})


class _Values(LabelStatistics):
    """Where the values lie: a histogram over their range, and the lowest and the highest."""

    def __init__(self, task: Regression):
        super().__init__()
        self.low, self.high = task.range
        self.pixels = 0
        self.histogram = np.zeros(_BINS + 2, np.int64)
        self.lowest, self.highest = np.inf, -np.inf

    def count(self, label, target):
        values = target[_valid(target)]
        self.pixels += target.size
        if not values.size:
            return
        bins = np.floor((values - self.low) * (_BINS / (self.high - self.low)))
        bins[values == self.high] = _BINS - 1
        bins = np.clip(bins, -1, _BINS).astype(np.int64) + 1
        self.histogram += np.bincount(bins.ravel(), minlength=_BINS + 2)
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))

    def merge_counts(self, later):
        self.pixels += later.pixels
        self.histogram += later.histogram
        self.lowest = min(self.lowest, later.lowest)
        self.highest = max(self.highest, later.highest)

    def counts(self):
        values = int(self.histogram.sum())
        beyond = int(self.histogram[0] + self.histogram[-1])
        return {
            "lowest": self.lowest if values else None,
            "median": self._median(values) if values else None,
            "highest": self.highest if values else None,
            "without_value": share(self.pixels - values, self.pixels),
            "beyond_range": share(beyond, values),
        }

    def _median(self, values: int) -> float:
        bin_of_half = int(np.searchsorted(self.histogram.cumsum(), values / 2)) - 1
        middle = self.low + (bin_of_half + 0.5) * (self.high - self.low) / _BINS
        return min(max(middle, self.lowest), self.highest)

    def lines(self):
        result = self.counts()
        if result["median"] is None:
            return ["no pixel has a value"]
        return [
            f"from {result['lowest']:.3g} to {result['highest']:.3g}, median "
            f"{result['median']:.3g}; no value: {percent(result['without_value'])} of the numbers; "
            f"beyond {self.low:g} to {self.high:g}: {percent(result['beyond_range'])} of the values"
        ]

    def notes(self):
        notes = super().notes()
        if (self.counts()["beyond_range"] or 0) > _TOO_MANY_BEYOND:
            notes.append(
                f"most values lie beyond {self.low:g} to {self.high:g}: are the numbers of the "
                "files what the task wants?"
            )
        return notes
