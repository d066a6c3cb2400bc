"""Reading the files that labels are stored in; every failure names the file."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import mmap
from pathlib import Path

import cv2
import numpy as np

from datasets.formats.decoding import BUDGET, check_budget, decoding, open_picture
from utils.errors import DataError
from utils.files import read_bytes

# Its warnings of damage name no file; what is raised here does.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

_GREY = ("L", "I;16")
"""Pillow's words for pictures of grey values of 8 and of 16 bits."""

_STRETCHED = 0.03
"""The proportions of a label and its image differ by rounding, not by more than this share."""

_BYTES_OF_A_NUMBER = 4  # of the float32 that most arrays become


def read_png(path: Path) -> np.ndarray:
    """The stored numbers of a PNG, or of another picture: (H, W) palette indices or grey values, or
    (H, W, 3) RGB.

    Raises:
        DataError: the file is missing, no image that can be read, or would fill the memory.
    """
    stored = read_bytes(path, "an image", BUDGET)
    picture = open_picture(stored, path)
    with decoding(path, "an image"):
        if picture.format == "PNG" and picture.mode in _GREY:
            # By OpenCV, which is faster than Pillow, but gives the colours of palettes. What it
            # makes of a damaged one is left alone: Pillow says what is wrong.
            with contextlib.suppress(cv2.error):
                grey = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED)
                if grey is not None and grey.ndim == 2:
                    return grey
        return np.asarray(picture)


def read_array(path: Path, kinds: str = "fiu") -> np.ndarray:
    """The numbers of an .npy file; pickled objects, which could run code, are refused.

    They are mapped into memory, which reads only what is used and copies nothing; changing them
    does not change the file.

    Args:
        kinds: numpy's letters of the kinds that are read: floats, whole numbers with and without a
            sign; "b" for truth values.

    Raises:
        DataError: the file is missing, damaged, or holds no numbers.
    """
    with decoding(path, "a numpy array"):
        with path.open("rb", buffering=0) as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        start = 10 + int.from_bytes(mapped[8:10], "little")
        shape, by_columns, dtype = _npy_header(mapped[:start])
        array = np.ndarray(shape, dtype, mapped, start, order="F" if by_columns else "C")
    if array.dtype.kind not in kinds or not array.size:
        raise DataError(f"{path}: is not an array of numbers")
    check_budget(shape, dtype.itemsize + _BYTES_OF_A_NUMBER, path)
    return array


@functools.lru_cache(maxsize=64)
def _npy_header(stored: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first index runs fastest, and type. The files of a dataset mostly have the
    same header, and numpy takes longer to understand it than to read an array."""
    file = io.BytesIO(stored)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it is of a version for records, not for numbers")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which could run code")
    return shape, by_columns, dtype


def as_float32(array: np.ndarray) -> np.ndarray:
    """The numbers as float32; those that are too large for it are infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32, copy=False)


def map_size(path: Path) -> tuple[int, int]:
    """(height, width) of a map in a PNG or .npy, without its numbers.

    Raises:
        DataError: the file is missing or damaged.
    """
    if path.suffix == ".npy":
        shape = read_array(path).shape
        return shape[-2:] if len(shape) == 3 and shape[0] < 4 <= shape[2] else shape[:2]
    return open_picture(read_bytes(path, "an image", BUDGET), path).size[::-1]


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
