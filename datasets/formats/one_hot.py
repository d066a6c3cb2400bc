"""One-hot masks: an array with a channel for each class, 1 where a pixel is of the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.segmentation import VOID
from utils.errors import DataError


def is_one_hot(shape: tuple[int, ...], classes: int) -> bool:
    """Whether an array of this shape has a channel for each of two classes or more."""
    return len(shape) == 3 and classes > 1 and classes in (shape[0], shape[2])


def one_hot_size(shape: tuple[int, int, int], classes: int, path: Path) -> tuple[int, int]:
    """(height, width) of a one-hot mask, which is (C, H, W) or (H, W, C).

    Raises:
        DataError: the shape does not tell which of the two.
    """
    return shape[1:] if _axis(shape, classes, path) == 0 else shape[:2]


def decode_one_hot(array: np.ndarray, classes: int, path: Path) -> np.ndarray:
    """(H, W) uint8, the class of each pixel, void where it has none.

    Args:
        array: (C, H, W) or (H, W, C) of truth values, or of the numbers 0 and 1.

    Raises:
        DataError: it holds other numbers, or a pixel has several classes.
    """
    axis = _axis(array.shape, classes, path)
    is_set = array == 1
    if array[~is_set].any():
        raise DataError(
            f"{path}: has a channel for each of the {classes} classes, but holds other numbers "
            "than 0 and 1"
        )
    count = np.count_nonzero(is_set, axis=axis)
    if (several := count > 1).any():
        row, column = np.argwhere(several)[0]
        raise DataError(
            f"{path}: the pixel in row {row}, column {column} has {count[row, column]} classes, "
            "and a one-hot mask has one a pixel"
        )
    result = is_set.argmax(axis).astype(np.uint8)
    result[count == 0] = VOID
    return result


def _axis(shape: tuple[int, int, int], classes: int, path: Path) -> int:
    if shape[0] == shape[2]:
        raise DataError(
            f"{path}: its shape {shape} does not tell whether the first or the last axis is that "
            f"of the {classes} classes: save it as (height, width) of class numbers"
        )
    return 0 if shape[0] == classes else 2
