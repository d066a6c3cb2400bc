"""YOLO's labels: a text file an image, and a line an object.

A line is `class cx cy w h`, the centre and the size of a box, or `class x1 y1 x2 y2 x3 y3 …`, an
outline of three points or more; all but the class are shares of the image's width and height.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.formats.base import Format
from datasets.formats.class_masks import some
from datasets.formats.decoding import BUDGET
from datasets.formats.outlines import fill_polygon
from datasets.formats.text_files import read_text
from tasks.segmentation import VOID
from utils.errors import DataError

_BACKGROUND = "background"
"""The class of the pixels that show no object, where a dataset has a class so called."""

_MOST_BYTES = 2**22  # some 1,000 outlines of 200 points
_MOST_ROWS = 2**22
"""Rows that the edges of an outline pass: each of them takes memory to fill."""

_ROUNDING = 0.005  # a share leaves [0, 1] by this at most
_BOX, _BOX_WITH_SCORE, _SHORTEST_OUTLINE = 4, 5, 6  # numbers behind the class


class YoloBoxes(Format):
    """(N, 6) float32 boxes, as :class:`datasets.formats.voc_xml.VocXml`; none is difficult. The box
    of an outline is its extent. Boxes that reach past the image are clipped to it."""

    label_type = "boxes"
    suffixes = (".txt",)

    def read(self, label, size):
        objects = read_yolo_text(label.file, self.classes)
        height, width = size
        boxes = np.array([item.box for item in objects]).reshape(-1, 4)
        boxes *= (width, height, width, height)
        classes = np.array([(item.number, 0) for item in objects]).reshape(-1, 2)
        return np.hstack([boxes, classes]).astype(np.float32)

    def stored_size(self, label):
        return None

    def clipped(self, label):
        objects = read_yolo_text(label.file, self.classes)
        return [self.classes[item.number] for item in objects if item.clipped]

    def decided(self, label):
        return {"boxes": "shares of the image", "classes": _numbered(self.classes)}


class YoloMasks(Format):
    """(H, W) uint8 class indices drawn from the outlines. Where objects overlap, the one of fewer
    pixels is in front. A pixel without an object is background where there is a class so called,
    and void where there is none. The files number the other classes, from 0."""

    label_type = "classes"
    suffixes = (".txt",)
    outlines = True

    def read(self, label, size):
        objects = read_yolo_text(label.file, self._objects)
        filled = _filled(objects, size, label.file)
        filled.sort(key=lambda item: -np.count_nonzero(item.inside))
        outside = self.classes.index(_BACKGROUND) if self._has_background else VOID
        result = np.full(size, outside, np.uint8)
        for item in filled:
            result[item.window][item.inside] = self.classes.index(self._objects[item.number])
        return result

    def stored_size(self, label):
        return None

    def decided(self, label):
        void = "none" if self._has_background else "pixels without an object"
        return {"classes": _numbered(self._objects), "void": void}

    @property
    def _has_background(self) -> bool:
        return _BACKGROUND in self.classes

    @property
    def _objects(self) -> tuple[str, ...]:
        """The classes that the files number."""
        return tuple(name for name in self.classes if name != _BACKGROUND)


class YoloObject(NamedTuple):
    """A line of a file.

    Attributes:
        line: its place in the file, from 1.
        number: that of the class, from 0.
        box: x1, y1, x2, y2 as shares of the image, in [0, 1].
        clipped: whether the box reached past the image, by more than rounding.
        outline: (N, 2) x, y as shares of the image; None where the line is a box.
    """

    line: int
    number: int
    box: np.ndarray
    clipped: bool
    outline: np.ndarray | None


def read_yolo_text(path: Path, classes: tuple[str, ...]) -> list[YoloObject]:
    """The objects of a file; an empty file has none.

    Args:
        classes: the names of the classes that the file numbers.

    Raises:
        DataError: the file is missing, or a line is no label of these classes; names the line.
    """
    objects = []
    lines = read_text(path, "labels of YOLO", _MOST_BYTES).splitlines()
    for line, text in enumerate(lines, start=1):
        if words := text.split():
            try:
                objects.append(_object(line, words, classes))
            except _Fault as fault:
                raise DataError(f"{path}:{line}: {fault}") from None
    return objects


class _Fault(Exception):
    """What is wrong with a line, without its place."""


def _object(line: int, words: list[str], classes: tuple[str, ...]) -> YoloObject:
    values = _numbers(words)
    number, shares = values[0], values[1:]
    if not (number.is_integer() and 0 <= number < len(classes)):
        raise _Fault(f"is of the class {words[0]}, and the classes are {_numbered(classes)}")
    _check_count(len(shares))
    _check_shares(shares, words[1:])
    if len(shares) == _BOX:
        outline, (centre, sides) = None, shares.reshape(2, 2)
        box = np.concatenate([centre - sides / 2, centre + sides / 2])
    else:
        outline = shares.reshape(-1, 2)
        box = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
    within = box.clip(0, 1)
    if not (within[:2] < within[2:]).all():
        raise _Fault("is an object without width or height")
    return YoloObject(line, int(number), within, np.abs(within - box).max() > _ROUNDING, outline)


def _numbers(words: list[str]) -> np.ndarray:
    values = []
    for word in words:
        try:
            values.append(float(word))
        except ValueError:
            raise _Fault(f"has {word!r}, which is no number") from None
    return np.array(values)


def _check_shares(shares: np.ndarray, words: list[str]) -> None:
    possible = (shares >= -_ROUNDING) & (shares <= 1 + _ROUNDING)  # NaN is not
    if not possible.all():
        raise _Fault(
            f"has the number {words[possible.argmin()]}, and all but the class are shares of the "
            "image, from 0 to 1, not pixels"
        )


def _check_count(count: int) -> None:
    """Checks how many numbers stand behind the class."""
    if count == _BOX_WITH_SCORE:
        raise _Fault(
            "has six numbers, of which the last is a score: a prediction, where a label is "
            "`class cx cy w h`"
        )
    if count != _BOX and (count < _SHORTEST_OUTLINE or count % 2):
        raise _Fault(
            f"has {count} numbers behind the class: a box has four, cx cy w h, and an outline x y "
            "for each of three points or more"
        )


class _Filled(NamedTuple):
    """The pixels of an object: those set in `inside`, a window of the mask."""

    number: int
    window: tuple[slice, slice]
    inside: np.ndarray


def _filled(objects: list[YoloObject], size: tuple[int, int], path: Path) -> list[_Filled]:
    height, width = size
    result, pixels = [], 0
    for item in objects:
        if item.outline is None:
            raise DataError(
                f"{path}:{item.line}: is a box without an outline: the file serves for boxes, not "
                "for masks"
            )
        points = item.outline * (width, height)
        if np.abs(np.diff(points[:, 1], append=points[:1, 1])).sum() > _MOST_ROWS:
            raise DataError(f"{path}:{item.line}: goes up and down too often to be an outline")
        left, top = np.floor(item.box[:2] * (width, height)).astype(int)
        right, bottom = np.ceil(item.box[2:] * (width, height)).astype(int)
        pixels += (bottom - top) * (right - left)
        if pixels > BUDGET:
            raise DataError(f"{path}: its outlines would take more than {BUDGET / 1e9:.1f} GB")
        inside = np.zeros((bottom - top, right - left), bool)
        fill_polygon(inside, points - (left, top))
        result.append(_Filled(item.number, np.s_[top:bottom, left:right], inside))
    return result


def _numbered(classes: tuple[str, ...]) -> str:
    return some(f"{number} {name}" for number, name in enumerate(classes))
