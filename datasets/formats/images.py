"""Reading the images themselves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.formats.arrays import channels_last, read_array
from datasets.formats.decoding import BUDGET, open_picture
from utils.errors import DataError
from utils.files import read_bytes

# Labels are drawn on the stored pixels, so a camera's note to turn the picture is left alone.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB. An .npy holds it as it is, or as floats in [0, 1], or as (3, H, W).

    Raises:
        DataError: the file is missing, cannot be decoded, or would fill the memory.
    """
    if path.suffix == ".npy":
        return _of_array(channels_last(read_array(path), 3), path)
    stored = read_bytes(path, "an image", BUDGET)
    open_picture(stored, path)
    try:
        # Decoded from memory, where OpenCV refuses half a file; from disk it fills it up with grey.
        image = cv2.imdecode(np.frombuffer(stored, np.uint8), _AS_STORED)
    except cv2.error:
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
