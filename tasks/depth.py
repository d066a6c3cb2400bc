"""Depth: the distance of every pixel along the camera's axis."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from tasks.base import DenseHead, Meter, Task, labelled_part
from tasks.files import fit, read_array, read_png
from utils.errors import DataError
from utils.geometry import Warp

NEAREST, FARTHEST = 1e-3, 10.0
"""Metres; a depth counts where it lies strictly between them."""

TYPICAL = 3.0
"""Metres, about the mean depth of a room."""


def valid_pixels(depth: Tensor) -> Tensor:
    return (depth > NEAREST) & (depth < FARTHEST)


class Depth(Task):
    """Target: (H, W) float32 metres, 0 where there is no reading. Prediction: (B, 1, H, W) metres.

    Accuracy: d1, the share of pixels whose depth is within a factor of 1.25 of the truth.
    """

    kind = "depth"
    accuracy = "d1"
    metrics = {"d1": 1, "d2": 1, "d3": 1, "rmse": -1, "abs_rel": -1}  # noqa: RUF012
    selection = ("d1", "rmse")

    @property
    def head(self) -> DenseHead:
        return DenseHead(1, start=TYPICAL)

    def read(self, path: Path, size, *, unit: float = 1.0) -> np.ndarray:
        """Reads an .npy, or a 16-bit PNG, of depths in `unit` metres; what is no number is 0."""
        depth = read_array(path) if path.suffix == ".npy" else read_png(path)
        if depth.ndim != 2:
            raise DataError(f"{path}: holds an array {depth.shape}, a depth map has two dimensions")
        depth = depth.astype(np.float32) * np.float32(unit)
        return fit(np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0), size)

    def absent(self, size):
        return np.zeros(size, np.float32)

    def warp(self, target, warp: Warp):
        return warp.nearest(target, 0.0) / np.float32(warp.zoom)

    def criterion(self, prediction, target, labelled):
        """The absolute error in metres, summed over the pixels with a reading."""
        target = labelled_part(target, labelled)
        valid = valid_pixels(target)
        error = (labelled_part(prediction, labelled)[:, 0].float() - target).abs()
        return torch.where(valid, error, 0.0).sum(), valid.sum().float()

    def meter(self):
        return _DepthErrors()

    def constant(self, targets):
        valid = [t[(t > NEAREST) & (t < FARTHEST)] for t in targets]
        return torch.tensor([np.concatenate(valid).mean(dtype=np.float64)], dtype=torch.float32)

    def answer(self, prediction):
        return list(prediction[:, 0].float().cpu().numpy())

    def draw(self, image, target):
        near = 255 * (1 - np.clip(target / FARTHEST, 0, 1) ** 0.5)
        shown = cv2.applyColorMap(near.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1].copy()
        shown[target <= NEAREST] = 0
        return shown


class _DepthErrors(Meter):
    """Sums over all pixels with a reading."""

    def __init__(self):
        self.sums = torch.zeros(6, dtype=torch.float64)

    def update(self, prediction, target, labelled):
        truth = labelled_part(target, labelled)
        valid = valid_pixels(truth)
        truth = truth[valid].double()
        guess = labelled_part(prediction, labelled)[:, 0][valid].double().clamp(NEAREST, FARTHEST)
        ratio = torch.maximum(guess / truth, truth / guess)
        error = guess - truth
        sums = [
            *((ratio < 1.25**power).sum() for power in (1, 2, 3)),
            error.square().sum(),
            (error.abs() / truth).sum(),
            valid.sum(),
        ]
        self.sums += torch.stack([value.double() for value in sums]).cpu()

    def compute(self):
        d1, d2, d3, square, relative = (self.sums[:5] / self.sums[5]).tolist()
        return {"d1": d1, "d2": d2, "d3": d3, "rmse": square**0.5, "abs_rel": relative}
