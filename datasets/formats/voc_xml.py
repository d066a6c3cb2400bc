"""Reads the annotation files of PASCAL VOC: one XML file an image, which lists its objects."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.formats.arrays import require_same_shape
from datasets.formats.base import Format
from datasets.formats.decoding import decoding
from utils.errors import DataError
from utils.files import read_bytes
from utils.option import nearest

_MOST_BYTES = 2**22  # some 10,000 objects
_LARGEST = 1e9
"""Of the numbers in a file: a box may reach past its image, but not to no end."""
_ROUNDING = 2.0
"""Pixels that a box may reach past an image whose size the file does not say."""


class VocXml(Format):
    """(N, 6) float32 boxes of a VOC annotation, one XML file an image: x1, y1, x2, y2 in pixels on
    edges, class index, and 1 where the object is difficult. They are scaled where the file was made
    for a larger or smaller image; those of a file without a size are in pixels of the image."""

    label_type = "boxes"
    suffixes = (".xml",)

    def read(self, label, size):
        path = label.file
        stored, objects = read_voc_xml(path)
        if stored is None:
            stored, objects = size, [_within(item, size, path) for item in objects]
        require_same_shape(stored, size, path)
        scale = np.array([size[1] / stored[1], size[0] / stored[0]] * 2)
        rows = [
            (*(np.array(item.box) * scale), self._index(item.name, path), item.difficult)
            for item in objects
        ]
        return np.array(rows, dtype=np.float32).reshape(-1, 6)

    def stored_size(self, label):
        return read_voc_xml(label.file)[0]

    def clipped(self, label):
        return [item.name for item in read_voc_xml(label.file)[1] if item.clipped]

    def class_names(self, label):
        return {item.name for item in read_voc_xml(label.file)[1]}

    def decided(self, label):
        boxes = "pixels counted from 1, both ends included"
        if self.stored_size(label) is None:
            boxes += "; of the image as it is, for the file has no size"
        return {"boxes": boxes, "classes": "by name"}

    def _index(self, name: str, path: Path) -> int:
        if name not in self.classes:
            raise DataError(f"{path}: unknown class '{name}'{nearest(name, self.classes)}")
        return self.classes.index(name)


class AnnotatedObject(NamedTuple):
    """One object: its class's name, its box (x1, y1, x2, y2) in pixels on edges, whether it is
    marked as difficult, and whether the box reached past the image before it was clipped to it."""

    name: str
    box: tuple[float, float, float, float]
    difficult: bool
    clipped: bool = False


def read_voc_xml(path: Path) -> tuple[tuple[int, int] | None, list[AnnotatedObject]]:
    """Reads the image's size (height, width), None where the file does not say it, and its objects.

    The file holds inclusive pixel positions counted from 1; on edges, such a box starts one
    earlier. Boxes that reach past the image are clipped to it, where its size is known.

    Raises:
        DataError: the file is missing, no VOC annotation, or holds a box that cannot be one.
    """
    root = _parse(path)
    if root.tag != "annotation":
        raise DataError(f"{path}: not a VOC annotation: it holds <{root.tag}>, not <annotation>")
    size = _size(root, path)
    return size, [_object(element, size, path) for element in root.findall("object")]


def _size(root: ET.Element, path: Path) -> tuple[int, int] | None:
    """(height, width) of the image; None where the file has none, or one of 0 x 0, which tools
    write that did not open the image."""
    if all(root.find(f"size/{name}") is None for name in ("height", "width")):
        return None
    height, width = (int(_number(root, f"size/{name}", path)) for name in ("height", "width"))
    if height == width == 0:
        return None
    if min(height, width) < 1:
        raise DataError(f"{path}: the image's size, {width} x {height}, is not positive")
    return height, width


class _PlainTree(ET.TreeBuilder):
    """Annotations declare no document type. One that does could define entities that grow without
    bound, so it is refused before they are read."""

    def doctype(self, name, pubid, system):
        raise ValueError("it declares a DOCTYPE, which a VOC annotation does not")


def _parse(path: Path) -> ET.Element:
    stored = read_bytes(path, "XML", _MOST_BYTES)
    with decoding(path, "XML"):
        root = ET.XML(stored, ET.XMLParser(target=_PlainTree()))
    if root.tag.startswith("{"):
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
    return root


def _object(element: ET.Element, size: tuple[int, int] | None, path: Path) -> AnnotatedObject:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{path}: an <object> has no <name>")
    x1, y1, x2, y2 = (
        _number(element, f"bndbox/{side}", path) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    is_marked = bool((element.findtext("difficult") or "").strip())
    difficult = is_marked and _number(element, "difficult", path) != 0
    item = AnnotatedObject(name, (x1 - 1, y1 - 1, x2, y2), difficult)
    return item if size is None else _clip_to(item, size, path)


def _clip_to(item: AnnotatedObject, size: tuple[int, int], path: Path) -> AnnotatedObject:
    """The object with its box clipped to an image of `size` (height, width)."""
    x1, y1, x2, y2 = item.box
    box = (max(x1, 0.0), max(y1, 0.0), min(x2, size[1]), min(y2, size[0]))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError(
            f"{path}: the box of '{item.name}', {x1 + 1:g} {y1 + 1:g} {x2:g} {y2:g}, is empty or "
            f"lies outside the image of {size[1]} x {size[0]} pixels"
        )
    return item._replace(box=box, clipped=box != item.box)


def _within(item: AnnotatedObject, size: tuple[int, int], path: Path) -> AnnotatedObject:
    """The object of a file that does not say the size of its image, which is `size`.

    Raises:
        DataError: its box reaches past the image: it may be that of a larger one.
    """
    clipped = _clip_to(item, size, path)
    if any(abs(a - b) > _ROUNDING for a, b in zip(item.box, clipped.box, strict=True)):
        raise DataError(
            f"{path}: has no <size>, and the box of '{item.name}' reaches past the image of "
            f"{size[1]} x {size[0]} pixels: write the size of the image that the boxes are for"
        )
    return clipped


def _number(element: ET.Element, where: str, path: Path) -> float:
    text = element.findtext(where)
    if text is None:
        raise DataError(f"{path}: <{element.tag}> has no <{where}>")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _LARGEST:  # so with NaN
        raise DataError(f"{path}: <{where}> is '{text.strip()}', not a number")
    return value
