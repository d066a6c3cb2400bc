"""What is done with the numbers of a map once they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from utils.errors import DataError

# Its warnings of damage name no file; what is raised here does.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

ARRAYS = (".npy", ".npz", "EXR")
"""The kinds of files of maps that are no pictures."""

_STRETCHED = 0.03
"""The proportions of a label and its image differ by rounding, not by more than this share."""


@dataclass(frozen=True, slots=True)
class MapHead:
    """What the file of a map says of its numbers.

    Attributes:
        kind: of the file: 'PNG', 'TIFF', …, '.npy', '.npz' or 'EXR'.
        shape: (H, W), or more; channels may come first in an array.
        dtype: of the numbers.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        """The kind of the file and of its numbers: 'PNG of 16 bits', '.npy of float32'."""
        if self.is_picture and self.dtype.kind == "u":
            return f"{self.kind} of {8 * self.dtype.itemsize} bits"
        return f"{self.kind} of {self.dtype.name}"

    @property
    def sort(self) -> str:
        """The same with an article, as errors have it: 'a PNG of 16 bits'."""
        return f"{'a' if self.is_picture else 'an'} {self}"

    @property
    def is_picture(self) -> bool:
        return self.kind not in ARRAYS

    @property
    def has_floats(self) -> bool:
        return self.dtype.kind == "f"


@dataclass(frozen=True, slots=True)
class StoredMap:
    """The numbers of a map as they are stored, and the kind of its file; see :class:`MapHead`."""

    numbers: np.ndarray
    kind: str

    @property
    def head(self) -> MapHead:
        return MapHead(self.kind, self.numbers.shape, self.numbers.dtype)


def as_float32(array: np.ndarray) -> np.ndarray:
    """The numbers as float32; those that are too large for it are infinite."""
    if array.dtype == np.float32:  # as mostly, and to say what to ignore takes its time
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32)


def fit(array: np.ndarray, size: tuple[int, int], path: Path) -> np.ndarray:
    """A map stretched by nearest pixels to `size` (height, width), where it has another.

    Raises:
        DataError: the map has another shape; see :func:`require_same_shape`.
    """
    if array.shape[:2] == size:
        return array
    require_same_shape(array.shape[:2], size, path)
    # OpenCV's INTER_NEAREST takes the pixel to the upper left instead.
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def require_same_shape(stored: tuple[int, int], size: tuple[int, int], path: Path | str) -> None:
    """Checks that a label was made for an image of this shape, if of another size: that width and
    height are in the same proportion, to 3 %.

    Args:
        stored: (height, width) of what the label was made for.
        size: (height, width) of the image.
        path: the file of the label, as an error names it.

    Raises:
        DataError: they are not: it is the label of another image, or of one that was turned.
    """
    if abs(math.log(stored[0] * size[1] / (stored[1] * size[0]))) > _STRETCHED:
        raise DataError(
            f"{path}: is for an image of {stored[1]} x {stored[0]} pixels, but the image has "
            f"{size[1]} x {size[0]}: the label of another image, or of this one turned by a "
            "camera's note (EXIF), which is not followed here"
        )


def all_finite(array: np.ndarray) -> bool:
    """Whether no number of a float32 map is NaN or infinite: then the sum of squares is neither."""
    return bool(np.isfinite(cv2.norm(array, cv2.NORM_L2SQR)))


def channels_last(array: np.ndarray, channels: int) -> np.ndarray:
    """(H, W, `channels`), also of an array stored as (`channels`, H, W); others as they are."""
    if array.ndim == 3 and array.shape[2] != channels == array.shape[0]:
        return np.ascontiguousarray(array.transpose(1, 2, 0))
    return array


def in_rgb(colours: np.ndarray) -> np.ndarray:
    """OpenCV's (H, W, 3) or (H, W, 4) in the order of RGB; maps of other channels as they are."""
    if colours.ndim == 3 and colours.shape[2] in (3, 4):
        return colours[..., [2, 1, 0, 3][: colours.shape[2]]]
    return colours


def plane(numbers: np.ndarray, path: Path, what: str) -> np.ndarray:
    """(H, W), also of a map with one channel more.

    Args:
        path: the file that it was read from.
        what: it should be, for the error, such as 'a depth map'.

    Raises:
        DataError: the map has other dimensions.
    """
    if numbers.ndim == 3:
        numbers = channels_last(numbers, 1)
        numbers = numbers[..., 0] if numbers.shape[2] == 1 else numbers
    if numbers.ndim != 2:
        raise DataError(f"{path}: holds an array {numbers.shape}, {what} has two dimensions")
    return numbers
