"""Masks in which a colour stands for a class, as annotation tools export them."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.base import Format
from datasets.formats.class_masks import some
from datasets.formats.colour_tables import (
    Colour,
    ColourTable,
    format_colour,
    table_in_file,
    table_of_words,
)
from datasets.formats.decoding import (
    BUDGET,
    decoding,
    open_picture,
    png_kind,
    require_lossless,
)
from tasks.segmentation import VOID
from utils.errors import ConfigError, DataError
from utils.files import read_bytes
from utils.option import option

_UNKNOWN = 254
"""In a table of classes: no class has the colour."""


class ColourMask(Format):
    """(H, W) uint8 class indices and 255 for void, from a picture of colours and a table of
    these. The colours of a table that are no classes are void."""

    label_type = "classes"
    suffixes = (".png", ".tif", ".tiff")
    chosen_by = "colours"

    colours: tuple[str, ...] = option(
        (), "the colour r,g,b of each class in the masks, in their order; or a file of `name r g b`"
    )

    def __init__(self, classes=(), **options):
        super().__init__(classes, **options)
        if len(self.classes) > _UNKNOWN:
            raise ConfigError(
                f"{len(self.classes)} classes, and masks of colours have at most {_UNKNOWN}",
                "colours",
            )
        try:
            self.table = _table(self.colours, self.classes)
        except DataError as reason:
            raise ConfigError(f"{self.cfg_key('colours')}: {reason}", "colours") from None

    @classmethod
    def located(cls, storage, folder):
        words = storage["colours"]
        return {**storage, "colours": (str(folder / words[0]),)} if _is_file(words) else storage

    @property
    def fingerprint(self):
        return f"{type(self).__name__}({self.table!r}) {' '.join(self.classes)}"

    def read(self, label, size):
        path = label.file
        packed = _packed(_read_colours(path))
        mask = _classes_of(self.table.classes, tuple(self.table.others.values()))[packed]
        if (unknown := mask == _UNKNOWN).any():
            raise self._unknown_colour(packed, unknown, path)
        return fit(mask, size, path)

    def decided(self, label):
        colours = zip(self.table.classes, self.classes, strict=True)
        others = [f"{format_colour(c)} {name}" for name, c in self.table.others.items()]
        return {
            "classes": some(f"{format_colour(colour)} {name}" for colour, name in colours),
            "void": some(others) or "none",
        }

    def _unknown_colour(self, packed: np.ndarray, unknown: np.ndarray, path: Path) -> DataError:
        row, column = np.argwhere(unknown)[0]
        colour = _unpacked(packed[row, column])
        names = [*zip(self.classes, self.table.classes, strict=True), *self.table.others.items()]
        name, closest = min(names, key=lambda item: np.square(np.subtract(item[1], colour)).sum())
        return DataError(
            f"{path}: {np.count_nonzero(unknown):,} pixels have a colour that "
            f"`{self.cfg_key('colours')}` does not name: the one in row {row}, column {column} is "
            f"{format_colour(colour)}, and the nearest is {format_colour(closest)} ('{name}')"
        )


def _is_file(words: tuple[str, ...]) -> bool:
    return len(words) == 1 and not set(words[0]) <= set("0123456789,")


def _table(words: tuple[str, ...], classes: tuple[str, ...]) -> ColourTable:
    if _is_file(words):
        return table_in_file(Path(words[0]), classes)
    return table_of_words(words, classes)


def _read_colours(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB; the indices of a palette are turned into its colours.

    Raises:
        DataError: the file is missing or damaged, or its pixels are no exact and opaque colours of
            8 bits.
    """
    stored = read_bytes(path, "an image", BUDGET)
    picture = open_picture(stored, path)
    require_lossless(picture.format, path)
    is_deep = picture.format == "PNG" and png_kind(stored)[0] > 8
    if is_deep or picture.mode.startswith(("I", "F")):
        raise DataError(f"{path}: has more than 8 bits a channel, a mask of colours has 8")
    with decoding(path, "an image"):
        if picture.mode == "RGB" and "transparency" not in picture.info:
            return np.asarray(picture)
        colours = np.asarray(picture.convert("RGBA"))
    if (transparent := colours[..., 3] < 255).any():
        row, column = np.argwhere(transparent)[0]
        raise DataError(
            f"{path}: the pixel in row {row}, column {column} is transparent, and has no class by "
            "its colour: save the mask without an alpha channel"
        )
    return np.ascontiguousarray(colours[..., :3])


def _packed(colours: np.ndarray) -> np.ndarray:
    """(H, W) uint32 of (H, W, 3) uint8 RGB: red + 256 green + 256² blue."""
    return cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA).view("<u4")[..., 0] & 0xFFFFFF


def _unpacked(number: np.uint32) -> Colour:
    return int(number) & 255, int(number) >> 8 & 255, int(number) >> 16


@functools.lru_cache(maxsize=4)
def _classes_of(colours: tuple[Colour, ...], void: tuple[Colour, ...]) -> np.ndarray:
    """(2^24) uint8: the class of every packed colour."""
    result = np.full(2**24, _UNKNOWN, np.uint8)
    for number, colour in [*enumerate(colours), *((VOID, colour) for colour in void)]:
        result[np.dot(colour, (1, 256, 256**2))] = number
    return result
