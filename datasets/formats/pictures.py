"""Pictures as labels: the numbers that they store, not the colours that they show."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from datasets.formats.arrays import MapHead, StoredMap, in_rgb
from datasets.formats.decoding import (
    BUDGET,
    decoding,
    open_picture,
    picture_head,
    png_kind,
    require_lossless,
)
from datasets.formats.tiff_files import is_tiff, read_tiff, tiff_head
from utils.errors import DataError
from utils.files import read_bytes

_GREY = 0  # as a PNG numbers its sorts of colours
_CHANNELS = {"RGB": 3, "RGBA": 4, "LA": 2, "PA": 2, "CMYK": 4}
_TYPES = {"1": "bool", "I": "int32", "F": "float32", "I;16": "uint16", "I;16B": "uint16"}


def read_picture(path: Path) -> StoredMap:
    """The stored numbers of a PNG, a TIFF or another picture: (H, W) palette indices or grey
    values, or (H, W, 3) RGB.

    Raises:
        DataError: the file is missing, no picture that can be read, of a kind that does not keep
            numbers, or would fill the memory.
    """
    stored = read_bytes(path, "an image", BUDGET)
    if is_tiff(stored) and _is_deep_tiff(stored, path):
        return StoredMap(read_tiff(stored, path), "TIFF")
    picture = open_picture(stored, path)
    require_lossless(picture.format, path)
    if picture.format == "PPM":
        return StoredMap(_ppm(picture, path), "PPM")
    with decoding(path, "an image"):
        if picture.format == "PNG":
            bits, sort = png_kind(stored)
            if bits == 16 or (bits == 8 and sort == _GREY):
                # By OpenCV, which is faster than Pillow, and does not round 16 bits to 8. What it
                # makes of a damaged file is left alone: Pillow says what is wrong.
                with contextlib.suppress(cv2.error):
                    numbers = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED)
                    if numbers is not None and (numbers.ndim == 2) == (sort == _GREY):
                        return StoredMap(in_rgb(numbers), "PNG")
        return StoredMap(np.asarray(picture), picture.format)


def picture_map_head(path: Path) -> MapHead:
    """The head of a picture, of which no more is read.

    Raises:
        DataError: the file is missing, or no picture that is known.
    """
    with decoding(path, "an image"), path.open("rb") as file:
        start = file.read(26)
        file.seek(0)
        if is_tiff(start) and (tiff := tiff_head(file, path)).bits > 8:
            return MapHead("TIFF", tiff.shape, np.dtype(tiff.type))
        file.seek(0)
        picture = picture_head(file, path)
        size, mode, kind = picture.size[::-1], picture.mode, picture.format
    numbers = _TYPES.get(mode, "uint8")
    if (kind == "PNG" and png_kind(start)[0] == 16) or (kind == "PPM" and mode == "I"):
        numbers = "uint16"
    channels = _CHANNELS.get(mode, 1)
    return MapHead(kind, (*size, channels) if channels > 1 else size, np.dtype(numbers))


def _is_deep_tiff(stored: bytes, path: Path) -> bool:
    """Whether a TIFF has more than 8 bits a number.

    Raises:
        DataError: it does not keep the numbers of a label.
    """
    head = tiff_head(io.BytesIO(stored), path)
    if head.is_lossy:
        require_lossless("JPEG", path)
    return head.bits > 8


def _ppm(picture: Image.Image, path: Path) -> np.ndarray:
    """The numbers of a PPM, PGM or PBM. Pillow stretches those of some to 8 or 16 bits."""
    decoder, *_, arguments = picture.tile[0]
    largest = arguments[1] if decoder != "raw" else None
    is_as_stored = largest is None or largest == (65535 if picture.mode == "I" else 255)
    if not is_as_stored:
        raise DataError(
            f"{path}: is a PPM with numbers up to {largest}, which is not read: save it as PNG"
        )
    with decoding(path, "an image"):
        numbers = np.asarray(picture)
    return numbers.astype(np.uint16) if picture.mode == "I" else numbers
