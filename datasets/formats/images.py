"""Reading the images themselves."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from datasets.formats.arrays import channels_last
from datasets.formats.decoding import BUDGET, decoding, open_picture, png_kind
from datasets.formats.npy_files import read_npy, read_npz
from datasets.formats.tiff_files import is_tiff, tiff_head
from utils.errors import DataError
from utils.files import read_bytes

PADDING = (124, 116, 104)
"""What lies outside of an image or under its transparency, RGB: the mean colour of ImageNet, 0 once
normalised."""

# Labels are drawn on the stored pixels, so a camera's note to turn the picture is left alone.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_WITH_ALPHA = cv2.IMREAD_UNCHANGED  # which leaves the note alone too

_INVERSE = {note: note for note in range(1, 9)} | {6: 8, 8: 6}
"""The notes of a camera, and the one that undoes each."""

_DARK = 2**12  # of the 2**16 of a picture of 16 bits: cameras store 10 or 12 bits in them
_DARK_ROUNDED = _DARK // 2**8  # of the same picture in 8 bits

_EXR = b"\x76\x2f\x31\x01"


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB; where a picture is transparent, it lies on `PADDING`.

    An .npy, or an .npz of one array, holds it as it is, or as floats in [0, 1], or as (3, H, W).

    Raises:
        DataError: the file is missing, cannot be decoded, would fill the memory, or holds a picture
            of other numbers.
    """
    match path.suffix.lower():
        case ".npy":
            return _of_array(channels_last(read_npy(path), 3), path)
        case ".npz":
            return _of_array(channels_last(read_npz(path), 3), path)
    stored = read_bytes(path, "an image", BUDGET)
    _require_picture(stored, path)
    picture = open_picture(stored, path)
    has_16_bits = _has_16_bits(picture, stored)
    if picture.format == "PNG" and picture.mode == "RGBA" and not has_16_bits:
        bgra = _decoded(stored, _WITH_ALPHA, path)
        if cv2.extractChannel(bgra, 3).min() == 255:
            return cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB)
        return _on_padding(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA))
    # Of a TIFF, OpenCV and Pillow follow the note, whatever they are told.
    undo = _INVERSE[_orientation(picture, path)] if picture.format == "TIFF" else 1
    image = _turned(_decoded(stored, _AS_STORED, path), undo)
    if has_16_bits and image.max() <= _DARK_ROUNDED:
        _require_whole_range(stored, path)
    if picture.has_transparency_data and not picture.mode.startswith("I"):
        # The colours by Pillow where they count: OpenCV darkens those of some kinds.
        with decoding(path, "an image"):
            rgba = _turned(np.asarray(picture.convert("RGBA")), undo)
        return image if rgba[..., 3].min() == 255 else _on_padding(rgba)
    return image


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image, without its pixels where it is a picture.

    Raises:
        DataError: as :func:`read_image`, where the head tells.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        return read_image(path).shape[:2]
    return open_picture(read_bytes(path, "an image", BUDGET), path).size[::-1]


def is_turned(path: Path) -> bool:
    """Whether a camera's note (EXIF) in a picture asks to turn or to mirror it, which
    :func:`read_image` does not.

    Raises:
        DataError: as :func:`read_image`, where the head tells.
    """
    return _orientation_in(path) != 1


def read_upright(path: Path) -> np.ndarray:
    """The image of :func:`read_image`, turned and mirrored as a camera's note (EXIF) asks.

    Raises:
        DataError: as :func:`read_image`.
    """
    return _turned(read_image(path), _orientation_in(path))


def _orientation_in(path: Path) -> int:
    """The note of a camera in an image, 1 to 8; 1 where there is none."""
    if path.suffix.lower() in (".npy", ".npz"):
        return 1
    return _orientation(open_picture(read_bytes(path, "an image", BUDGET), path), path)


def _orientation(picture: Image.Image, path: Path) -> int:
    with decoding(path, "an image"):
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in _INVERSE else 1


def _turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """The image turned and mirrored as a camera's note asks."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _decoded(stored: bytes, flags: int, path: Path) -> np.ndarray:
    """Decoded from memory, where OpenCV refuses half a file; from disk it fills it up with grey.

    Raises:
        DataError: the file is damaged.
    """
    try:
        image = cv2.imdecode(np.frombuffer(stored, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{path}: cannot be read as an image")
    return image


def _require_picture(stored: bytes, path: Path) -> None:
    """Checks that a file does not hold numbers that no image has.

    Raises:
        DataError: it does.
    """
    if stored.startswith(_EXR):
        raise DataError(f"{path}: is an EXR of floats; save the images with 8 bits, as PNG or JPEG")
    if is_tiff(stored) and (head := tiff_head(io.BytesIO(stored), path)).bits > 16:
        raise DataError(
            f"{path}: is a TIFF of {head.type}; save the images with 8 or 16 bits, or as .npy of "
            "floats from 0 to 1"
        )


def _has_16_bits(picture: Image.Image, stored: bytes) -> bool:
    if picture.format == "PNG":
        return png_kind(stored)[0] == 16
    if picture.format == "TIFF":
        return tiff_head(io.BytesIO(stored), Path()).bits == 16
    return picture.mode.startswith("I")


def _require_whole_range(stored: bytes, path: Path) -> None:
    """Checks that a picture of 16 bits, which is nearly black, does not hold fewer bits.

    Raises:
        DataError: it does, by its largest number.
    """
    numbers = _decoded(stored, _WITH_ALPHA, path)
    largest = int((numbers if numbers.ndim == 2 else numbers[..., :3]).max())  # without alpha
    if 0 < largest < _DARK:
        raise DataError(
            f"{path}: its largest number is {largest}, where 16 bits go to 65535: it would be "
            "nearly black; scale its numbers to the whole range, or save it with 8 bits"
        )


def _on_padding(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the picture laid on the padding's colour where it is transparent."""
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    weight = alpha.astype(np.float32) / 255
    return np.rint(colours * weight + np.float32(PADDING) * (1 - weight)).astype(np.uint8)


def _of_array(image: np.ndarray, path: Path) -> np.ndarray:
    if image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"{path}: holds an array {image.shape}, an image is (H, W, 3)")
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != "f" or not (image.min() >= 0 and image.max() <= 1):
        raise DataError(f"{path}: an image is stored as 8-bit numbers or as floats from 0 to 1")
    return np.rint(image * 255).astype(np.uint8)
