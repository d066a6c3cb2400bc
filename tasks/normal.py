"""Surface normals: the direction that every pixel's surface faces, seen from the camera."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from tasks.base import DenseHead, Meter, Task, labelled_part
from tasks.distilled import DistilledNormals
from tasks.files import channels_last, fit, read_array, read_png
from tasks.survey import Survey, percent, share
from utils.errors import DataError
from utils.geometry import Warp

_BINS = 18_000  # of angle, a hundredth of a degree each
_UNIT_WITHIN = 0.01  # 8 bits a component make a length wrong by up to 0.007
_OF_COLOUR = np.linspace(-1, 1, 256, dtype=np.float32)
# Files whose vectors were all found to be a unit long, with their times and sizes: to measure them
# takes longer than to read them.
_OF_UNIT_LENGTH: set[tuple] = set()
_SHORTEST = 0.5  # a stored normal is about a unit long, or zero where there is none


class Normal(Task):
    """Target: (H, W, 3) float32 unit vectors, zero where there is none; batched (B, 3, H, W), in
    training as float16, up to 0.03 degrees off. Prediction: (B, 3, H, W) unit vectors.

    Accuracy: the share of pixels within 11.25 degrees of the truth. Every metric is taken over the
    pixels of all images; the median to a hundredth of a degree.
    """

    kind = "normal"
    aliases = ("normals",)
    accuracy = "11.25"
    metrics = {"mean": -1, "median": -1, "11.25": 1, "22.5": 1, "30": 1}  # noqa: RUF012
    selection = ("11.25", "mean", "median")

    @property
    def head(self) -> DenseHead:
        return DenseHead(3, unit=True)

    def read(self, label: Path | DistilledNormals, size) -> np.ndarray:
        """Reads an .npy of vectors, (H, W, 3) or (3, H, W), or an 8-bit PNG that stores n as
        v = 255 (n + 1) / 2, and black where there is none; without those that are not known."""
        normals = fit(_stored(label), size)
        state = (label if isinstance(label, Path) else label.file).stat()
        file = (label, size, state.st_mtime_ns, state.st_size)
        if file not in _OF_UNIT_LENGTH:
            if not _are_unit(normals):
                return _normalised(np.nan_to_num(normals))
            _OF_UNIT_LENGTH.add(file)
        return normals

    def absent(self, size):
        return np.zeros((*size, 3), np.float32)

    def pack(self, target):
        """(H, W, 3) float16: up to 0.03 degrees off, and of unit length to 0.0005."""
        return target.astype(np.float16)

    def room(self, count, size, empty, training=False):
        """Of float16 in training, where every image writes half as much."""
        return empty((count, *size, 3), torch.float16 if training else torch.float32)

    def warp(self, target, warp: Warp, out=None):
        """The vectors turn and mirror with the image."""
        out = np.empty((*warp.size, 3), np.float32) if out is None else out
        rotation = warp.rotation().astype(np.float32)
        mirrored = rotation.tolist() == [[-1, 0], [0, 1]]
        alike = target.dtype == out.dtype
        move = _moved_packed if target.dtype == np.float16 else _moved
        moved = move(target, warp, mirrored, out if alike else None)
        if not alike:  # torch does this far faster than numpy
            torch.from_numpy(out).copy_(torch.from_numpy(moved))
        if not mirrored and rotation.tolist() != [[1, 0], [0, 1]]:
            out[..., :2] = out[..., :2] @ rotation.T
        return out

    def collate(self, targets, room=None):
        return super().collate(targets, room).permute(0, 3, 1, 2)

    def criterion(self, prediction, target, labelled):
        """1 - cosine, summed over the pixels that have a normal."""
        target = labelled_part(target, labelled).float()
        valid = target.square().sum(1) > 0
        cosine = (labelled_part(prediction, labelled).float() * target).sum(1)
        return torch.where(valid, 1 - cosine, 0.0).sum(), valid.sum().float()

    def meter(self):
        return _Angles()

    def survey(self):
        return _Lengths()

    def constant(self, targets):
        mean = sum(t.reshape(-1, 3).sum(0, dtype=np.float64) for t in targets)
        return F.normalize(torch.tensor(mean), dim=0).float()

    def answer(self, prediction):
        return list(prediction.float().permute(0, 2, 3, 1).cpu().numpy())

    def draw(self, image, target):
        shown = ((target + 1) * 127.5).astype(np.uint8)
        shown[np.abs(target).sum(2) == 0] = 0
        return shown


def _moved(normals: np.ndarray, warp: Warp, mirrored: bool, out: np.ndarray | None) -> np.ndarray:
    """Warped normals, whose x is turned round where they are mirrored."""
    moved = warp.nearest(normals, 0.0, out)
    if mirrored:
        np.negative(moved[..., 0], out=moved[..., 0])
    return moved


def _moved_packed(
    normals: np.ndarray, warp: Warp, mirrored: bool, out: np.ndarray | None
) -> np.ndarray:
    """The same for float16, which OpenCV cannot move, but 16 bits it can."""
    moved = warp.nearest(normals.view(np.uint16), 0, None if out is None else out.view(np.uint16))
    if mirrored:
        sign_of_x = np.tile(np.array([1 << 15, 0, 0], np.uint16), moved.shape[1])
        rows = moved.reshape(len(moved), -1)
        np.bitwise_xor(rows, sign_of_x, out=rows)
    return moved.view(np.float16)


def _stored(label: Path | DistilledNormals) -> np.ndarray:
    """(H, W, 3) float32, the vectors as they are in the file."""
    path = label if isinstance(label, Path) else label.file
    stored = channels_last(read_array(path), 3) if path.suffix == ".npy" else read_png(path)
    if stored.ndim != 3 or stored.shape[2] != 3:
        raise DataError(f"{path}: holds an array {stored.shape}, normals are (H, W, 3)")
    if path.suffix != ".npy":
        black = cv2.inRange(stored, (0, 0, 0), (0, 0, 0)) > 0
        stored = cv2.LUT(stored, _OF_COLOUR)
        stored[black] = 0
    if not isinstance(label, Path):
        stored[~label.known(stored.shape[:2])] = 0
    return stored.astype(np.float32, copy=False)


def _are_unit(normals: np.ndarray) -> bool:
    """Whether every vector is zero, or a unit long to 1e-4. Then l, its length squared, is 0 or 1,
    l² - l is 0, and there are as many that are not 0 as the sum of all l."""
    ones = np.ones((1, 3))
    for strip in np.array_split(normals, 1 + normals.size // 2**18):  # each fits a core's cache
        lengths = cv2.transform(cv2.multiply(strip, strip), ones)
        with np.errstate(invalid="ignore", over="ignore"):
            unlike = cv2.norm(lengths * lengths - lengths, cv2.NORM_L2SQR)
        short = cv2.countNonZero(lengths) - cv2.sumElems(lengths)[0]
        if not (unlike < 1e-8 and short < 0.5):  # so with NaN
            return False
    return True


def _normalised(normals: np.ndarray) -> np.ndarray:
    """The vectors divided by their lengths; zero where they are too short."""
    length = np.sqrt(cv2.transform(cv2.multiply(normals, normals), np.ones((1, 3))))
    factor = np.where(length > _SHORTEST, 1 / np.maximum(length, _SHORTEST), np.float32(0))
    return cv2.multiply(normals, cv2.merge([factor] * 3))


class _Angles(Meter):
    """A histogram of the angular errors, and their sum."""

    def __init__(self):
        self.histogram = torch.zeros(_BINS, dtype=torch.int64)
        self.sum = torch.zeros((), dtype=torch.float64)

    def update(self, prediction, target, labelled):
        truth = labelled_part(target, labelled).permute(0, 2, 3, 1)
        guess = labelled_part(prediction, labelled).permute(0, 2, 3, 1)
        valid = truth.square().sum(3) > 0
        cosine = F.cosine_similarity(guess[valid].double(), truth[valid].double(), dim=1)
        # What is no number is as far off as can be.
        angles = torch.rad2deg(torch.acos(cosine.nan_to_num(-1).clamp(-1, 1)))
        bins = (angles * (_BINS / 180)).long().clamp_(max=_BINS - 1)
        self.histogram += torch.bincount(bins, minlength=_BINS).cpu()
        self.sum += angles.sum().cpu()

    def compute(self):
        count = self.histogram.sum()
        if count == 0:
            return dict.fromkeys(Normal.metrics, float("nan"))
        below = self.histogram.cumsum(0).double() / count
        within = {
            name: below[round(float(name) * 100) - 1].item() for name in ("11.25", "22.5", "30")
        }
        median = (int(torch.searchsorted(below, 0.5)) + 0.5) * 180 / _BINS
        return {"mean": (self.sum / count).item(), "median": median, **within}


class _Lengths(Survey):
    """How many pixels have a normal, and how many of these are a unit long in the file."""

    def __init__(self):
        super().__init__()
        self.pixels = self.vectors = self.other_length = 0

    def count(self, label, target):
        with np.errstate(over="ignore"):  # whatever the file holds
            length = np.linalg.norm(np.nan_to_num(_stored(label)), axis=2)
        known = length > _SHORTEST
        self.pixels += length.size
        self.vectors += int(known.sum())
        self.other_length += int((np.abs(length[known] - 1) > _UNIT_WITHIN).sum())

    def merge_counts(self, later):
        self.pixels += later.pixels
        self.vectors += later.vectors
        self.other_length += later.other_length

    def counts(self):
        return {
            "without_normal": share(self.pixels - self.vectors, self.pixels),
            "not_of_unit_length": share(self.other_length, self.vectors),
        }

    def lines(self):
        found = self.counts()
        return [
            f"no normal: {percent(found['without_normal'])} of the pixels; not of unit length "
            f"(and divided by it): {percent(found['not_of_unit_length'])} of the normals"
        ]
