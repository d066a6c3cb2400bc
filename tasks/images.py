"""Reading the images themselves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from utils.errors import DataError

# Labels are drawn on the stored pixels, so a camera's note to turn the picture is left alone.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        DataError: the file is missing or cannot be decoded.
    """
    try:
        # Decoded from memory, where OpenCV refuses half a file; from disk it fills it up with grey.
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), _AS_STORED)
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise DataError(f"{path}: cannot be read as an image")
    return image
