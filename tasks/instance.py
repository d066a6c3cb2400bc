"""Instances: where every pixel lies, seen from the centre of its object."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.legend import Swatches
from tasks.statistics import LabelStatistics, percent, share
from utils.geometry import Warp
from utils.option import option
from utils.precision import at_least_float32

_EVERY = 16  # of the pixels, which the constant prediction is learnt from
_DARKEST = 60  # of 255: the colour of a centre
_LONGEST = 99  # percent of the offsets of a picture that are within its scale of brightness


class Instance(Task):
    """The offset of every pixel from the centre of its instance, as Kendall et al. have it
    ("Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018).

    Target: (H, W, 2) float32 pixels, row and column of the pixel minus the mean row and column of
    the visible pixels of its instance, NaN where there is no instance; batched (B, 2, H, W). A
    label may also be (H, W) numbers of the instances, 0 and below where there is none: `warp` makes
    offsets of them. Prediction: (B, 2, H, W) pixels.

    The pixels are those of the image at its full size, the size of its file, whatever the size of
    the network's input or output: an image that is only resized keeps its offsets. They are taken
    after the augmentation. A crop that zooms in makes them longer, a rotation turns them, and an
    instance that was cut off has its centre in what is left of it. A network that is shown images
    of another size than those it was trained on gives the offsets in the pixels of the latter.

    Accuracy: near, the share of the pixels whose prediction puts the centre within
    `centre_distance` of where it is. Metrics beside it: abs_err, the mean absolute error of row and
    column, in pixels.
    """

    task_type = "instance"
    unit = (
        "row and column minus those of the centre of the instance, in pixels of the training images"
    )
    accuracy = "near"
    metrics = {"near": 1, "abs_err": -1}
    selection = ("abs_err",)
    paper_metrics = ("abs_err",)
    protocol_metrics = ("abs_err",)
    loss_name = "absolute error in pixels, mean of row and column"

    centre_distance: float = option(
        20.0,
        "pixels of the image at full size; a centre is found where the prediction is nearer than "
        "that (the accuracy of instance)",
        above=0,
    )

    @property
    def head(self) -> DenseHead:
        return DenseHead(2)

    def unlabelled_target(self, size):
        return np.full((*size, 2), np.nan, np.float32)

    def usable(self, target):
        return bool(_is_known(target).any())

    def warp(self, target, warp):
        """Numbers become offsets from the centres of what is visible after the warp. Offsets turn
        and mirror with the image, and grow with its zoom."""
        if target.ndim == 2:
            return _offsets(target, warp)
        moved = warp.nearest(target, np.nan)
        turn = _full_size(warp) @ warp.matrix[::-1, 1::-1]  # rows come before columns here
        if np.allclose(turn, np.eye(2)):
            return moved
        return moved @ turn.T.astype(np.float32)

    def collate(self, targets):
        return super().collate(targets).permute(0, 3, 1, 2)

    def criterion(self, prediction, target, labelled):
        """The absolute error in pixels, the mean of row and column, summed over the pixels of
        instances."""
        target = select_labelled(target, labelled)
        valid = target.isfinite().all(1)
        offsets = at_least_float32(select_labelled(prediction, labelled))
        error = (offsets - target.nan_to_num()).abs().mean(1)  # a NaN would spoil the gradients
        total = torch.where(valid, error, 0.0).sum()
        return total, valid.sum().to(total)

    def meter(self):
        return _Distances(self.centre_distance)

    def label_statistics(self):
        return _InstanceCounts()

    def constant(self, targets):
        """The medians of rows and of columns, which have the least absolute error."""
        if not targets:
            return None
        offsets = map(_as_offsets, targets)
        known = np.concatenate([of_image[_is_known(of_image)][::_EVERY] for of_image in offsets])
        return torch.from_numpy(np.median(known, axis=0).astype(np.float32))

    def decode(self, prediction):
        return list(prediction.float().permute(0, 2, 3, 1).cpu().numpy())

    def draw(self, image, target):
        """The direction from the centre as hue; the nearer to it, the darker."""
        offsets = _as_offsets(target)
        known = _is_known(offsets)
        rows, columns = np.moveaxis(np.where(known[..., None], offsets, 0), 2, 0)
        length = np.hypot(rows, columns)
        longest = np.percentile(length[known], _LONGEST) if known.any() else 0
        return _colours(rows, columns, length / max(longest, 1e-6), known)

    def legend(self, target):
        """The directions from the centre."""
        names = ("above", "right of", "below", "left of")
        rows, columns = np.array([[-1, 0, 1, 0]]), np.array([[0, 1, 0, -1]])
        colours = _colours(rows, columns, np.ones((1, 4)), np.ones((1, 4), bool))[0].tolist()
        pairs = zip(names, colours, strict=True)
        return Swatches(tuple((f"{name} the centre", tuple(colour)) for name, colour in pairs))


def _is_known(target: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels of instances, of offsets or of numbers."""
    return target > 0 if target.ndim == 2 else np.isfinite(target).all(axis=2)


def _as_offsets(target: np.ndarray) -> np.ndarray:
    """(H, W, 2) float32 of offsets or of numbers."""
    size = target.shape[:2]
    return _offsets(target, Warp.resize(size, size)) if target.ndim == 2 else target


def _full_size(warp: Warp) -> np.ndarray:
    """(2, 2): rows and columns of the output of a warp in pixels of the image at full size.

    A row of the matrix says how many pixels of the output along its axis a pixel of the image is:
    the zoom, which stays, times the stretching to the output's size, which is undone.
    """
    return np.diag(warp.zoom / np.linalg.norm(warp.matrix[::-1, :2], axis=1))


def _offsets(numbers: np.ndarray, warp: Warp) -> np.ndarray:
    """(h, w, 2) float32: the offsets in the output of a warp of (H, W) numbers of instances."""
    moved = warp.nearest(numbers, 0)
    known = moved > 0
    places = np.argwhere(known) + 0.5
    instances, which = np.unique(moved[known], return_inverse=True)
    centres = _mean_places(*_visible_places(numbers, instances, warp), len(instances))
    # An instance at the border may show less than the centre of one of its pixels.
    centres = np.where(np.isnan(centres), _mean_places(places, which, len(instances)), centres)
    result = np.full((*warp.size, 2), np.nan, np.float32)
    result[known] = (places - centres[which]) @ _full_size(warp)
    return result


def _visible_places(
    numbers: np.ndarray, instances: np.ndarray, warp: Warp
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) and (N): where the centres of an image's pixels lie in the output of a warp, as row
    and column, and the place in `instances` of what they belong to; of those that lie within the
    output. They are those of the image, for the output may be far coarser."""
    pixels = np.argwhere(numbers > 0)
    which = np.searchsorted(instances, numbers[tuple(pixels.T)]).clip(max=len(instances) - 1)
    places = (pixels + 0.5) @ warp.matrix[::-1, 1::-1].T + warp.matrix[::-1, 2]
    if not len(instances):
        return places[:0], which[:0]
    visible = ((places > 0) & (places < warp.size)).all(axis=1)
    visible &= instances[which] == numbers[tuple(pixels.T)]
    return places[visible], which[visible]


def _mean_places(places: np.ndarray, which: np.ndarray, instances: int) -> np.ndarray:
    """(instances, 2): the mean place of each instance; NaN for one without a place."""
    sums = [np.bincount(which, places[:, axis], instances) for axis in (0, 1)]
    with np.errstate(invalid="ignore"):
        return np.stack(sums, axis=1) / np.bincount(which, minlength=instances)[:, None]


def _colours(
    rows: np.ndarray, columns: np.ndarray, brightness: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """(H, W, 3) uint8 RGB of offsets; black where there is none.

    Args:
        brightness: (H, W), from 0 to 1.
        known: (H, W) bool.
    """
    hue = (np.degrees(np.arctan2(rows, columns)) % 360) / 2  # of 180, as OpenCV has it
    value = _DARKEST + (255 - _DARKEST) * np.minimum(brightness, 1)
    colours = np.stack([hue, np.full(hue.shape, 255), np.where(known, value, 0)], axis=2)
    return cv2.cvtColor(colours.astype(np.uint8), cv2.COLOR_HSV2RGB)


class _Distances(Meter):
    """Sums over the pixels of instances."""

    def __init__(self, near: float):
        self.near = near
        self.sums = torch.zeros(3, dtype=torch.float64)

    def update(self, prediction, target, labelled):
        truth = select_labelled(target, labelled).permute(0, 2, 3, 1)
        guess = select_labelled(prediction, labelled).permute(0, 2, 3, 1)
        valid = truth.isfinite().all(3)
        error = guess[valid].double() - truth[valid].double()
        sums = [(error.norm(dim=1) < self.near).sum(), error.abs().mean(1).sum(), valid.sum()]
        self.sums += torch.stack([value.double() for value in sums]).cpu()

    def merge(self, other):
        self.sums += other.sums

    def compute(self):
        near, absolute = (self.sums[:2] / self.sums[2]).tolist()
        return Measurement({"near": near, "abs_err": absolute})


class _InstanceCounts(LabelStatistics):
    """How many instances the labels have, and how many pixels are of none. A label of offsets does
    not tell its instances."""

    def __init__(self):
        super().__init__()
        self.pixels = self.known = self.instances = self.largest = 0

    def count(self, label: Any, target: np.ndarray) -> None:
        known = _is_known(target)
        self.pixels += known.size
        self.known += int(known.sum())
        if target.ndim == 2:
            instances = len(np.unique(target[known]))
            self.instances += instances
            self.largest = max(self.largest, instances)

    def merge_counts(self, later: Any) -> None:
        self.pixels += later.pixels
        self.known += later.known
        self.instances += later.instances
        self.largest = max(self.largest, later.largest)

    def counts(self):
        return {
            "instances": self.instances,
            "most_in_an_image": self.largest,
            "without_instance": share(self.pixels - self.known, self.pixels),
        }

    def lines(self):
        result = self.counts()
        return [
            f"{result['instances']:,} instances, at most {result['most_in_an_image']:,} in an "
            f"image; no instance: {percent(result['without_instance'])} of the pixels"
        ]
