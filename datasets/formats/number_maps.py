"""Maps of numbers as they are stored, for tasks that need no more."""

from __future__ import annotations

import numpy as np

from datasets.formats.arrays import fit, read_array, read_png
from datasets.formats.base import Format


class NumberMap(Format):
    """(H, W) or (H, W, C) float32, the numbers of a PNG or .npy as they are stored."""

    label_type = "map"
    suffixes = (".png", ".npy")

    def read(self, label, size):
        path = label.file
        stored = read_array(path) if path.suffix == ".npy" else read_png(path)
        return fit(stored.astype(np.float32), size)
