"""Reading the files that labels are stored in; every failure names the file."""

from __future__ import annotations

import functools
import io
import mmap
import struct
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from utils.errors import DataError

# Its warnings of damage name no file; what is raised here does.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG."""

_GREY = 0  # the colour type in a PNG's header


def read_png(path: Path) -> np.ndarray:
    """A PNG's stored numbers: (H, W) palette indices or grey values, or (H, W, 3) RGB.

    Raises:
        DataError: the file is missing, or no image that can be read.
    """
    try:
        stored = path.read_bytes()
        if (grey := _read_grey(stored)) is not None:
            return grey
        with Image.open(io.BytesIO(stored)) as image:
            return np.asarray(image)
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: cannot be read as an image (of no kind that is known)") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as reason:
        raise DataError(f"{path}: cannot be read as an image ({reason})") from None


def _read_grey(stored: bytes) -> np.ndarray | None:
    """A PNG of grey values of 8 or 16 bits by OpenCV, which is faster than Pillow, but gives the
    colours of palettes. None where it is another one, or damaged: Pillow says what is wrong."""
    if len(stored) < 33 or not stored.startswith(PNG) or not is_whole_png(stored):
        return None
    width, height, bits, colours = struct.unpack(">IIBB", stored[16:26])
    if bits < 8 or colours != _GREY or width * height > Image.MAX_IMAGE_PIXELS:
        return None
    try:
        grey = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return grey if grey is not None and grey.ndim == 2 else None


def is_whole_png(stored: bytes) -> bool:
    """Whether a PNG's chunks end within the file. OpenCV allocates as much memory as a chunk claims
    to need, which is gigabytes where its length is damaged."""
    place = len(PNG)
    while place + 12 <= len(stored):
        if stored[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + int.from_bytes(stored[place : place + 4], "big")
    return False


def read_array(path: Path) -> np.ndarray:
    """The numbers of an .npy file; pickled objects, which could run code, are refused.

    They are mapped into memory, which reads only what is used and copies nothing; changing them
    does not change the file.

    Raises:
        DataError: the file is missing, damaged, or holds no numbers.
    """
    try:
        with path.open("rb", buffering=0) as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        start = 10 + int.from_bytes(mapped[8:10], "little")
        shape, by_columns, dtype = _npy_header(mapped[:start])
        array = np.ndarray(shape, dtype, mapped, start, order="F" if by_columns else "C")
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except Exception as reason:  # of many kinds: it depends on which bytes are damaged
        first_line = str(reason).partition("\n")[0]
        raise DataError(f"{path}: cannot be read as a numpy array ({first_line})") from None
    if array.dtype.kind not in "fiu" or not array.size:
        raise DataError(f"{path}: is not an array of numbers")
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


def map_size(path: Path) -> tuple[int, int]:
    """(height, width) of a map in a PNG or .npy, without its numbers.

    Raises:
        DataError: the file is missing or damaged.
    """
    if path.suffix == ".npy":
        shape = read_array(path).shape
        return shape[-2:] if len(shape) == 3 and shape[0] < 4 <= shape[2] else shape[:2]
    try:
        with Image.open(path) as image:
            return image.size[::-1]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as reason:
        raise DataError(f"{path}: cannot be read as an image ({reason})") from None


def fit(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map stretched by nearest pixels to `size` (height, width), where it has another."""
    if array.shape[:2] == size:
        return array
    # OpenCV's INTER_NEAREST takes the pixel to the upper left instead.
    return cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def all_finite(array: np.ndarray) -> bool:
    """Whether no number of a float32 map is NaN or infinite: then the sum of squares is neither."""
    return bool(np.isfinite(cv2.norm(array, cv2.NORM_L2SQR)))


def channels_last(array: np.ndarray, channels: int) -> np.ndarray:
    """(H, W, `channels`), also of an array stored as (`channels`, H, W); others as they are."""
    if array.ndim == 3 and array.shape[2] != channels == array.shape[0]:
        return np.ascontiguousarray(array.transpose(1, 2, 0))
    return array
