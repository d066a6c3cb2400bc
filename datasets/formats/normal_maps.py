"""Maps of surface normals: .npy of vectors, or PNG of 8 bits."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.formats.arrays import as_float32, channels_last, fit, read_array, read_png
from datasets.formats.base import Format, Label
from utils.errors import DataError

_OF_COLOUR = np.linspace(-1, 1, 256, dtype=np.float32)
_SHORTEST = 0.5  # a stored normal is about a unit long, or zero where there is none

_OF_UNIT_LENGTH: set[tuple] = set()
"""The files whose vectors were seen to be: to look takes longer than to read them."""


class NormalMap(Format):
    """(H, W, 3) float32 unit vectors, zero where there is none; from an .npy of vectors, (H, W, 3)
    or (3, H, W), or an 8-bit PNG that stores n as v = 255 (n + 1) / 2, and black where there is
    none."""

    label_type = "normals"
    suffixes = (".png", ".npy")

    def read(self, label, size):
        normals = fit(self.stored(label), size, label.file)
        state = label.file.stat()
        file = (label.file, size, state.st_mtime_ns, state.st_size)
        if file not in _OF_UNIT_LENGTH:
            if not _are_unit(normals):
                return _normalised(np.nan_to_num(normals))
            _OF_UNIT_LENGTH.add(file)
        return normals

    def stored(self, label: Label) -> np.ndarray:
        """(H, W, 3) float32, the vectors as they are in the file, of whatever length."""
        path = label.file
        stored = channels_last(read_array(path), 3) if path.suffix == ".npy" else read_png(path)
        if stored.ndim != 3 or stored.shape[2] != 3:
            raise DataError(f"{path}: holds an array {stored.shape}, normals are (H, W, 3)")
        if path.suffix != ".npy":
            black = cv2.inRange(stored, (0, 0, 0), (0, 0, 0)) > 0
            stored = cv2.LUT(stored, _OF_COLOUR)
            stored[black] = 0
        return as_float32(stored)


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
