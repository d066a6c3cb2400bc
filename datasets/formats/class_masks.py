"""Masks of class numbers, each in a file of its own."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.map_format import MapFormat
from datasets.formats.stored_maps import SUFFIXES, read_map
from tasks.segmentation import VOID
from utils.errors import DataError
from utils.option import option


class ClassMask(MapFormat):
    """(H, W) uint8 class indices and 255 for void, from a picture or an array of numbers.

    Args:
        classes: the names of the classes.
        numbers: the stored number of each class, where they do not follow one another; all others
            are void.
    """

    label_type = "classes"
    suffixes = SUFFIXES

    first: int = option(0, "the number of the first class", largest=2**15)
    void: int = option(VOID, "the number of pixels that do not count", largest=2**16 - 1)

    def __init__(self, classes=(), numbers: tuple[int, ...] = (), **options):
        super().__init__(classes, **options)
        self.numbers = tuple(numbers)

    @property
    def fingerprint(self):
        return f"{super().fingerprint} {self.numbers}"

    def read(self, label, size):
        path, count = label.file, len(self.classes)
        mask = read_mask(path, self.key, self.cfg_key("key"))
        classes, unknown = _tables(count, self.first, self.void, self.numbers)
        beyond = _looked_up(mask, unknown)
        if beyond.any():
            raise DataError(
                f"{path}: has the value {mask[beyond > 0][0]}, but the {count} classes are "
                f"{self.first} to {self.first + count - 1}, and void is {self.void}"
            )
        return fit(_looked_up(mask, classes), size, path)


def read_mask(path: Path, key: str | None = None, key_option: str = "") -> np.ndarray:
    """The numbers of a picture or an array: (H, W) uint8, or others of at most 16 bits.

    Args:
        key, key_option: see :func:`datasets.formats.stored_maps.read_map`.

    Raises:
        DataError: the file is missing or damaged, or holds something else; says what to do.
    """
    mask = read_map(path, key, key_option).numbers
    if mask.ndim != 2:
        raise DataError(f"{path}: {_instead_of_numbers(mask)}")
    if mask.dtype == np.uint8:
        return mask
    with np.errstate(invalid="ignore", over="ignore"):  # whatever the file holds
        whole = np.rint(mask)
        small = (whole == mask).all() and whole.min() >= -(2**15) and whole.max() < 2**16
    if not small:
        raise DataError(
            f"{path}: holds other numbers than class numbers, which are whole and small"
        )
    return whole.astype(np.int32)


def _instead_of_numbers(mask: np.ndarray) -> str:
    channels = mask.shape[2] if mask.ndim == 3 else 0
    if channels not in (2, 3, 4):
        return f"holds an array {mask.shape}, a mask has two dimensions"
    alpha = " and an alpha channel" if channels in (2, 4) else ""
    colours = mask[..., : 1 if channels == 2 else 3]
    if (colours == colours[..., :1]).all():
        return (
            f"has {channels} channels{alpha and ', one of them alpha'}, where class numbers are "
            "one; the first of them is the mask: save it alone"
        )
    return (
        f"holds colours{alpha} where class numbers are wanted; a palette PNG, as VOC's masks are, "
        "loses its numbers when it is opened and saved as RGB: take the original file, or turn the "
        "colours back into numbers"
    )


@functools.cache
def _tables(
    classes: int, first: int, void: int, given: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """By the number in a mask, modulo 2^16: the class, and whether (1) it means nothing. `given`
    are the numbers of the classes, where there are any."""
    numbers, unknown = np.full(2**16, VOID, np.uint8), np.zeros(2**16, np.uint8)
    stored = given or range(first, first + classes)
    numbers[np.array(stored) % 2**16] = np.arange(classes)
    if not given:
        unknown[:] = 1
        unknown[np.array([*stored, void]) % 2**16] = 0
        numbers[void % 2**16] = VOID
    return numbers, unknown


def _looked_up(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    if mask.dtype == np.uint8:
        return cv2.LUT(mask, table[:256])
    return table[mask.astype(np.uint16)]
