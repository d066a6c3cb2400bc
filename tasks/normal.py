"""Surface normals: the direction that every pixel's surface faces, seen from the camera."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from tasks.base import DenseHead, Measurement, Meter, Task, select_labelled
from tasks.legend import Swatches
from tasks.statistics import LabelStatistics, percent, share
from utils.option import option
from utils.precision import at_least_float32

_BINS = 18_000  # of angle, a hundredth of a degree each
_UNIT_WITHIN = 0.01  # 8 bits a component make a length wrong by up to 0.007
_SHORTEST = 0.5  # a stored normal is about a unit long, or zero where there is none


class Normal(Task):
    """Target: (H, W, 3) float32 unit vectors, zero where there is none; batched (B, 3, H, W).
    Prediction: (B, 3, H, W) unit vectors.

    Accuracy: the share of pixels within 11.25 degrees of the truth. Every metric is taken over the
    pixels of all images; the median to a hundredth of a degree. `l1` is the mean of the absolute
    differences of a pixel, summed over its three components.
    """

    task_type = "normal"
    aliases = ("normals",)
    unit = "unit vectors, in the axes of the labels"
    label_type = "normals"
    accuracy = "11.25"
    metrics = {"mean": -1, "median": -1, "11.25": 1, "22.5": 1, "30": 1, "l1": -1}
    selection = ("11.25", "mean", "median")
    paper_metrics = ("mean",)
    protocol_metrics = ("mean", "median", "11.25", "22.5", "30")
    loss_name = "1 − cosine, or L1 (normal_loss)"

    normal_loss: str = option(
        "cosine",
        "of a pixel: cosine, 1 − the cosine of the angle; l1, the sum of the absolute differences "
        "of the three components",
        choices=("cosine", "l1"),
    )

    @property
    def head(self) -> DenseHead:
        return DenseHead(3, unit=True)

    def unlabelled_target(self, size):
        return np.zeros((*size, 3), np.float32)

    def pack(self, target):
        """(H, W, 3) float16: up to 0.03 degrees off, and of unit length to 0.0005."""
        return torch.from_numpy(target).half().numpy()  # many times faster than numpy's own

    def usable(self, target):
        a_few_rows = target[::16]  # which nearly always tell
        return bool(a_few_rows.any() or target.any())

    def warp(self, target, warp):
        """The vectors turn and mirror with the image."""
        packed = target.dtype == np.float16
        if packed:  # OpenCV moves 16 bits, but no float16
            moved = warp.nearest(target.view(np.uint16), 0).view(np.float16)
        else:
            moved = warp.nearest(target, 0)
        rotation = warp.rotation().astype(np.float32)
        if rotation.tolist() == [[1, 0], [0, 1]]:
            return moved
        if rotation.tolist() == [[-1, 0], [0, 1]]:
            if moved is target:
                moved = moved.copy()
            np.negative(moved[..., 0], out=moved[..., 0])
            return moved
        moved = moved.astype(np.float32)
        moved[..., :2] = moved[..., :2] @ rotation.T
        return moved

    def collate(self, targets):
        return super().collate(targets).permute(0, 3, 1, 2)

    def criterion(self, prediction, target, labelled):
        """1 - cosine or |difference| of the components (`normal_loss`), summed over the pixels that
        have a normal."""
        target = select_labelled(target, labelled).float()
        valid = target.square().sum(1) > 0
        vectors = at_least_float32(select_labelled(prediction, labelled))
        if self.normal_loss == "l1":
            losses = (vectors - target).abs().sum(1)
        else:
            losses = 1 - (vectors * target).sum(1)
        total = torch.where(valid, losses, 0.0).sum()
        return total, valid.sum().to(total)

    def meter(self):
        return _Angles()

    def label_statistics(self):
        return _Directions()

    def constant(self, targets):
        if not targets:
            return None
        mean = sum(t.reshape(-1, 3).sum(0, dtype=np.float64) for t in targets)
        return F.normalize(torch.tensor(mean), dim=0).float()

    def decode(self, prediction):
        return list(prediction.float().permute(0, 2, 3, 1).cpu().numpy())

    def draw(self, image, target):
        shown = ((target + 1) * 127.5).astype(np.uint8)
        shown[np.abs(target).sum(2) == 0] = 0
        return shown

    def legend(self, target):
        """Each axis in both directions; where y and z point is as the labels had it."""
        axes = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
        colours = self.draw(None, axes[None])[0].tolist()
        names = ("+x", "+y", "+z", "-x", "-y", "-z")
        return Swatches(tuple((n, tuple(c)) for n, c in zip(names, colours, strict=True)))


class _Angles(Meter):
    """A histogram of the angular errors, their sum, and that of the absolute differences."""

    def __init__(self):
        self.histogram = torch.zeros(_BINS, dtype=torch.int64)
        self.sums = torch.zeros(2, dtype=torch.float64)

    def update(self, prediction, target, labelled):
        truth = select_labelled(target, labelled).permute(0, 2, 3, 1)
        guess = select_labelled(prediction, labelled).permute(0, 2, 3, 1)
        valid = truth.square().sum(3) > 0
        guess, truth = guess[valid].double(), truth[valid].double()
        # What is no number is as far off as can be.
        guess = torch.where(guess.isfinite().all(1, keepdim=True), guess, -truth)
        guess = F.normalize(guess, dim=1)
        cosine = F.cosine_similarity(guess, truth, dim=1)
        angles = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
        bins = (angles * (_BINS / 180)).long().clamp_(max=_BINS - 1)
        self.histogram += torch.bincount(bins, minlength=_BINS).cpu()
        self.sums += torch.stack([angles.sum(), (guess - truth).abs().sum()]).cpu()

    def merge(self, other):
        self.histogram += other.histogram
        self.sums += other.sums

    def compute(self):
        count = self.histogram.sum()
        if count == 0:
            return Measurement(dict.fromkeys(Normal.metrics, float("nan")))
        below = self.histogram.cumsum(0).double() / count
        within = {
            name: below[round(float(name) * 100) - 1].item() for name in ("11.25", "22.5", "30")
        }
        median = (int(torch.searchsorted(below, 0.5)) + 0.5) * 180 / _BINS
        mean, l1 = (self.sums / count).tolist()
        return Measurement({"mean": mean, "median": median, **within, "l1": l1})


class _Directions(LabelStatistics):
    """How many pixels have a normal, how many of these are a unit long in the file, and how many
    have a positive z, which tells where it points."""

    def __init__(self):
        super().__init__()
        self.pixels = self.vectors = self.other_length = self.positive_z = 0

    def count(self, label, target):
        with np.errstate(over="ignore"):  # whatever the file holds
            vectors = np.nan_to_num(label.format.stored(label))
            length = np.linalg.norm(vectors, axis=2)
        known = length > _SHORTEST
        self.pixels += length.size
        self.vectors += int(known.sum())
        self.other_length += int((np.abs(length[known] - 1) > _UNIT_WITHIN).sum())
        self.positive_z += int((vectors[known][:, 2] > 0).sum())

    def merge_counts(self, later):
        self.pixels += later.pixels
        self.vectors += later.vectors
        self.other_length += later.other_length
        self.positive_z += later.positive_z

    def counts(self):
        return {
            "without_normal": share(self.pixels - self.vectors, self.pixels),
            "not_of_unit_length": share(self.other_length, self.vectors),
            "positive_z": share(self.positive_z, self.vectors),
        }

    def lines(self):
        result = self.counts()
        return [
            f"no normal: {percent(result['without_normal'])} of the pixels; not of unit length "
            f"(and divided by it): {percent(result['not_of_unit_length'])} of the normals; z above "
            f"0: {percent(result['positive_z'])} of the normals"
        ]
