"""Depth maps: PNG of 16 bits or .npy."""

from __future__ import annotations

import numpy as np

from datasets.formats.arrays import all_finite, as_float32, channels_last, fit, read_array, read_png
from datasets.formats.base import Format
from utils.errors import DataError
from utils.option import option


class DepthMap(Format):
    """(H, W) float32 metres, 0 where there is no reading, from an .npy or a 16-bit PNG. What is not
    a number is 0."""

    label_type = "depth"
    suffixes = (".png", ".npy")

    unit: float | None = option(
        None, "metres a number (empty: 0.001 in a PNG and 1 in an .npy)", above=0
    )

    def read(self, label, size):
        path = label.file
        is_array = path.suffix == ".npy"
        unit = self.unit or (1.0 if is_array else 1e-3)
        depth = read_array(path) if is_array else read_png(path)
        if depth.ndim == 3:
            depth = channels_last(depth, 1)
            depth = depth[..., 0] if depth.shape[2] == 1 else depth
        if depth.ndim != 2:
            raise DataError(f"{path}: holds an array {depth.shape}, a depth map has two dimensions")
        depth = as_float32(depth)
        if unit != 1:
            with np.errstate(over="ignore", invalid="ignore"):
                depth = depth * np.float32(unit)
        if not all_finite(depth):
            depth = np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0)
        return fit(depth, size, path)
