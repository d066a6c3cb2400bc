"""Maps of numbers as they are stored, for tasks that need no more."""

from __future__ import annotations

from datasets.formats.arrays import as_float32, fit, read_array, read_png
from datasets.formats.base import Format
from utils.errors import DataError


class NumberMap(Format):
    """(H, W) or (H, W, C) float32, the numbers of a PNG or .npy as they are stored."""

    label_type = "map"
    suffixes = (".png", ".npy")

    def read(self, label, size):
        path = label.file
        stored = read_array(path) if path.suffix == ".npy" else read_png(path)
        if stored.ndim not in (2, 3):
            raise DataError(
                f"{path}: holds an array {stored.shape}, a map has two dimensions or three"
            )
        return fit(as_float32(stored), size, path)
