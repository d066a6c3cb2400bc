"""A stereo camera's disparity as Cityscapes stores it, and the depth that follows from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from datasets.formats.arrays import as_float32, fit
from datasets.formats.base import Format, Label
from datasets.formats.pictures import picture_map_head, read_picture
from utils.errors import DataError
from utils.files import read_bytes

_MOST_BYTES = 2**20
_LARGEST = 1e9  # baseline × focal length
_DIVISOR = 2729.068
"""What Cityscapes' numbers are divided by: their standard deviation."""

DEFAULT_CAMERA = (0.209313, 2262.52)
"""Baseline in metres and focal length in pixels of most of Cityscapes, where an image has no camera
file."""


class DisparityMap(Format):
    """(H, W) float32 metres, baseline × focal length / d, 0 where there is no disparity; from a
    16-bit PNG of p = 256 d + 1 and 0 for none, and the JSON of the camera where there is one."""

    label_type = "depth"

    def read(self, label, size):
        depth = depth_of(_pixels(_numbers(label.file)), self._scale(label))
        return fit(depth, size, label.file)

    def decided(self, label):
        of = "its camera file" if label.files[1:] else "most of Cityscapes' cameras"
        return {
            "unit": f"disparity = (number - 1) / 256 pixels ({picture_map_head(label.file)})",
            "no reading": "0",
            "depth": f"baseline x focal length / disparity, as {of} tells",
        }

    def ceiling(self, label):
        largest = np.full((1, 1), np.iinfo(np.uint16).max, np.float32)
        return float(depth_of(_pixels(largest), self._scale(label))[0, 0])

    @staticmethod
    def _scale(label: Label) -> float:
        """Baseline x focal length."""
        baseline, focal_length = _camera(label.files[1]) if label.files[1:] else DEFAULT_CAMERA
        return baseline * focal_length


class ScaledDisparity(Format):
    """(H, W) float32 p / 2729.068 of the same PNG, 0 where there is no disparity: the unit of
    published figures (Sener and Koltun, NeurIPS 2018)."""

    label_type = "map"

    def read(self, label, size):
        return fit(_numbers(label.file) / np.float32(_DIVISOR), size, label.file)

    def decided(self, label):
        return {
            "unit": f"the number / {_DIVISOR} ({picture_map_head(label.file)})",
            "no reading": "0",
        }


def depth_of(disparity: np.ndarray, scale: float) -> np.ndarray:
    """Metres of float32 disparities in pixels; 0 where a disparity is not above 0.

    Args:
        scale: baseline in metres x focal length in pixels.
    """
    depth = np.zeros_like(disparity)
    return np.divide(np.float32(scale), disparity, out=depth, where=disparity > 0)


def _numbers(path: Path) -> np.ndarray:
    """(H, W) float32: the numbers of a disparity map as they are stored.

    Raises:
        DataError: the file is no such map.
    """
    stored = read_picture(path).numbers
    if stored.ndim != 2:
        raise DataError(f"{path}: has several channels, a disparity map has one")
    if stored.dtype == np.uint8:
        raise DataError(f"{path}: has 8 bits, a disparity map 16")
    return as_float32(stored)


def _pixels(numbers: np.ndarray) -> np.ndarray:
    """The disparities of Cityscapes' numbers, of which 0 means that there is none."""
    return (numbers - 1) / 256


def _camera(path: Path) -> tuple[float, float]:
    """Baseline in metres and focal length in pixels, of the JSON of a camera."""
    try:
        content = json.loads(read_bytes(path, "a camera file", _MOST_BYTES))
        baseline = float(content["extrinsic"]["baseline"])
        focal_length = float(content["intrinsic"]["fx"])
    except (ValueError, TypeError, OverflowError, RecursionError) as reason:
        raise DataError(f"{path}: cannot be read as a camera file ({reason})") from None
    except KeyError as missing:
        raise DataError(f"{path}: has no {missing}, a camera file has") from None
    if not 0 < baseline * focal_length <= _LARGEST:
        raise DataError(
            f"{path}: has the baseline {baseline} and fx {focal_length}, which are not positive or "
            "too large"
        )
    return baseline, focal_length
