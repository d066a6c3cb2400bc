"""Reads masks of class numbers, each from a file of its own or from a COCO JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.coco_json import CocoLabel
from tasks.files import read_array, read_png
from utils.errors import DataError

BACKGROUND = "background"
"""The class of the pixels of a COCO image that show no object, where there is a class so called."""


def read_mask(path: Path) -> np.ndarray:
    """The numbers of a PNG or .npy: (H, W) uint8, or others of at most 16 bits.

    Raises:
        DataError: the file is missing or damaged, or holds something else; says what to do.
    """
    mask = read_array(path) if path.suffix == ".npy" else read_png(path)
    if mask.ndim != 2:
        raise DataError(f"{path}: {_instead_of_numbers(mask)}")
    if mask.dtype == np.uint8:
        return mask
    whole = np.rint(mask)
    if not (whole == mask).all() or whole.min() < -(2**15) or whole.max() >= 2**16:
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


def coco_mask(label: CocoLabel, size: tuple[int, int], classes: Sequence[str], void: int):
    """(H, W) uint8 of the annotated image, by the names of `classes`; `void` in crowds, and where
    there is no object and no class named background.

    Raises:
        DataError: see `CocoLabel.mask`; or a category is none of the classes.
    """
    numbers = np.full(256, void, np.uint8)
    if BACKGROUND in classes:
        numbers[0] = classes.index(BACKGROUND)
    for stored, name in enumerate(label.annotations.classes, start=1):
        if name not in classes:
            raise DataError(f"{label.file}: its category '{name}' is none of the classes")
        numbers[stored] = classes.index(name)
    return numbers[label.mask(size)]
