"""Reading the images themselves."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from datasets.formats.arrays import PNG, channels_last, is_whole_png, read_array
from utils.errors import DataError

# Labels are drawn on the stored pixels, so a camera's note to turn the picture is left alone.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB. An .npy holds it as it is, or as floats in [0, 1], or as (3, H, W).

    Raises:
        DataError: the file is missing, cannot be decoded, or would fill the memory.
    """
    if path.suffix == ".npy":
        return _of_array(channels_last(read_array(path), 3), path)
    try:
        stored = path.read_bytes()
        _refuse_bombs(stored)
        damaged = stored.startswith(PNG) and not is_whole_png(stored)
        # Decoded from memory, where OpenCV refuses half a file; from disk it fills it up with grey.
        image = None if damaged else cv2.imdecode(np.frombuffer(stored, np.uint8), _AS_STORED)
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except Image.DecompressionBombError as reason:
        raise DataError(f"{path}: cannot be read as an image ({reason})") from None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise DataError(f"{path}: cannot be read as an image")
    return image


def _of_array(image: np.ndarray, path: Path) -> np.ndarray:
    if image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"{path}: holds an array {image.shape}, an image is (H, W, 3)")
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != "f" or not (image.min() >= 0 and image.max() <= 1):
        raise DataError(f"{path}: an image is stored as 8-bit numbers or as floats from 0 to 1")
    return np.rint(image * 255).astype(np.uint8)


def _refuse_bombs(stored: bytes) -> None:
    """A few bytes can hold an image of gigabytes. Pillow looks at the header alone; what it does
    not know is left to OpenCV."""
    try:
        Image.open(io.BytesIO(stored)).close()
    except Image.DecompressionBombError:
        raise
    except Exception:  # of many kinds: it depends on which bytes are damaged
        return
