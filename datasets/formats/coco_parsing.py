"""Parses COCO's annotation files: one JSON for all images, with a box and an outline an object."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from datasets.formats.coco_annotation import CocoAnnotation, CocoFault, compact, is_number
from datasets.formats.decoding import MOST_PIXELS
from utils.errors import DataError
from utils.files import read_bytes

# A box reaches past its image by rounding, not by more pixels than this.
_BESIDE = 2.0

_MOST_BYTES = 2**33
_MOST_LETTERS = 255  # of a class's name
_MOST_ROWS = 2**22
"""Rows that the edges of an object's polygons pass in all: each of them takes memory to fill."""

_NO_POINTS = np.zeros(0, np.float32)


class Ragged(NamedTuple):
    """Rows of different lengths: row k is `values[ends[k - 1] : ends[k]]`."""

    values: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], dtype: type) -> Ragged:
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        values = np.concatenate([np.zeros(0, dtype), *rows], dtype=dtype)
        return cls(values, ends)

    def __getitem__(self, k: int) -> np.ndarray:
        return self.values[self.ends[k - 1] if k else 0 : self.ends[k]]


class Images(NamedTuple):
    """The images of a file: a row each."""

    names: list[str]
    sizes: list[tuple[int, int]]  # height, width
    rows: dict[str, int]  # by name
    rows_without_folder: dict[str, int]  # by name, of the names that occur in one folder only
    rows_of_id: dict[int, int]


class Objects(NamedTuple):
    """The annotations of a file, those of an image one after the other."""

    first: np.ndarray  # (images + 1): those of image k are first[k] to first[k + 1] - 1
    ids: np.ndarray
    box: np.ndarray  # (N, 4) float32 x1, y1, x2, y2 on pixel edges, within the image
    clipped: np.ndarray  # (N) bool: the box reached past the image, by more than rounding
    category: np.ndarray  # (N) indices into the classes
    crowd: np.ndarray  # (N) bool
    polygons: Ragged  # the numbers of points of each object's polygons
    points: Ragged  # x, y, x, y, … of all polygons of an object
    runs: Ragged  # the run lengths of each object that has them

    def of_image(self, row: int) -> slice:
        return slice(int(self.first[row]), int(self.first[row + 1]))

    def polygons_of(self, k: int) -> list[np.ndarray]:
        """(points, 2) of each polygon of an object."""
        counts = self.polygons[k]
        points = self.points[k].reshape(-1, 2)
        return np.split(points, np.cumsum(counts)[:-1]) if len(counts) else []


def parse(path: Path, classes: Sequence[str] | None) -> tuple[tuple[str, ...], Images, Objects]:
    """The class names, images and objects of a file; see `CocoAnnotations.load`."""
    try:
        content = _content(path)
        images = _images(_listed(content, "images"))
        names, index_of = _classes(_listed(content, "categories"), classes)
        return names, images, _objects(_listed(content, "annotations"), images, index_of, names)
    except CocoFault as fault:
        raise DataError(f"{path}: {fault}") from None


def _content(path: Path) -> dict:
    stored = read_bytes(path, "JSON", _MOST_BYTES)
    try:
        content = json.loads(stored, object_hook=compact)
    except (ValueError, RecursionError) as reason:
        raise CocoFault(f"cannot be read as JSON ({reason})") from None
    if not isinstance(content, dict):
        raise CocoFault(
            "is not a COCO annotation file, which is an object of 'images', 'annotations' and "
            "'categories'"
        )
    return content


def _listed(content: dict, name: str) -> list:
    entries = content.get(name)
    if not isinstance(entries, list):
        raise CocoFault(f"has no list '{name}', which a COCO annotation file has")
    if not entries and name != "annotations":
        raise CocoFault(f"its list '{name}' is empty")
    return entries


def _images(entries: list) -> Images:
    names, sizes, rows_of_id = [], [], {}
    for number, entry in enumerate(entries, start=1):
        try:
            name, size = entry["file_name"], (entry["height"], entry["width"])
            rows_of_id[entry["id"]] = len(names)
        except (KeyError, TypeError):
            name, size = None, ()
        if not (isinstance(name, str) and name and all(map(is_number, size))):
            raise CocoFault(
                f"image number {number} of the list has no proper 'id', 'file_name', 'height' and "
                "'width'"
            )
        if min(size) < 1 or math.prod(size) > MOST_PIXELS:
            raise CocoFault(
                f"image {name}: its size, {size[1]} x {size[0]}, is not positive, or larger than "
                "images that are read"
            )
        size = tuple(map(int, size))
        names.append(name.replace("\\", "/"))
        sizes.append(size)
    if len(rows_of_id) < len(names):
        raise CocoFault("two images have the same 'id'")
    rows = {str(PurePath(name)): row for row, name in enumerate(names)}
    if len(rows) < len(names):
        raise CocoFault("two images have the same 'file_name'")
    ends = [PurePath(name).name for name in names]
    count = Counter(ends)
    alone = {end: row for row, end in enumerate(ends) if count[end] == 1}
    return Images(names, sizes, rows, alone, rows_of_id)


def _classes(entries: list, wanted: Sequence[str] | None) -> tuple[tuple[str, ...], dict]:
    """The names of the classes, and the class index of each category's id; -1: it is not wanted."""
    try:
        named = {entry["id"]: entry["name"] for entry in entries}
        if not all(map(_is_class_name, named.values())):
            raise TypeError
        names = tuple(named[number] for number in sorted(named)) if wanted is None else wanted
    except (KeyError, TypeError):
        raise CocoFault("a category has no proper 'id' and 'name'") from None
    if len(named) < len(entries) or len(set(names)) < len(names):
        raise CocoFault("two categories have the same 'id' or 'name'")
    place = {name: index for index, name in enumerate(names)}
    if wanted is not None and not set(named.values()) & set(wanted):
        raise CocoFault(
            f"none of its categories ({_some(named.values())}) is one of the classes "
            f"({_some(wanted)})"
        )
    return tuple(names), {number: place.get(name, -1) for number, name in named.items()}


def _is_class_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS and value.isprintable()


def _some(names) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _objects(entries: list, images: Images, index_of: dict, names: Sequence[str]) -> Objects:
    rows, category = [], []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, CocoAnnotation):
            raise CocoFault(f"annotation number {number} of the list has no 'image_id'")
        try:
            rows.append(_row(entry, images))
            category.append(_category(entry, index_of, names))
        except CocoFault as fault:
            raise CocoFault(f"annotation {entry.id} {fault}") from None
    order = np.argsort(np.array(rows, np.int64), kind="stable")
    entries = [entries[k] for k in order]
    rows = np.array(rows, np.int64)[order]
    box = _corners(np.array([entry.box for entry in entries]).reshape(-1, 4))
    within = np.clip(box, 0, np.tile(np.array(images.sizes)[rows][:, ::-1], 2))
    return Objects(
        first=np.searchsorted(rows, np.arange(len(images.names) + 1)),
        ids=np.array([entry.id for entry in entries], np.int64),
        box=within.astype(np.float32),
        clipped=(np.abs(within - box) > _BESIDE).any(axis=1),
        category=np.array(category, np.int64)[order],
        crowd=np.array([entry.crowd for entry in entries], bool),
        polygons=Ragged.of([_lengths(entry.polygons) for entry in entries], np.int32),
        points=Ragged.of([np.concatenate([_NO_POINTS, *e.polygons]) for e in entries], np.float32),
        runs=Ragged.of([entry.runs for entry in entries], np.int32),
    )


def _lengths(polygons: list[np.ndarray]) -> np.ndarray:
    """The number of points of each, of which a polygon holds x and y."""
    return np.array([len(points) // 2 for points in polygons], np.int32)


def _row(entry: CocoAnnotation, images: Images) -> int:
    """The row of an annotation's image, of which it can be one."""
    row = images.rows_of_id.get(entry.image)
    if row is None:
        raise CocoFault(f"is of the image {entry.image}, which 'images' does not list")
    height, width = images.sizes[row]
    x, y, w, h = entry.box
    if x > width + _BESIDE or y > height + _BESIDE or x + w < -_BESIDE or y + h < -_BESIDE:
        raise CocoFault(
            f"has the box {x:g} {y:g} {w:g} {h:g}, which lies outside of its image "
            f"{images.names[row]} of {width} x {height} pixels"
        )
    if entry.runs_size not in (None, [height, width]):
        raise CocoFault(
            f"has a mask of the size {entry.runs_size}, but its image {images.names[row]} is "
            f"{[height, width]}"
        )
    if _rows_passed(entry.polygons, height) > _MOST_ROWS:
        raise CocoFault("has polygons that go up and down too often to be an outline")
    return row


def _rows_passed(polygons: list[np.ndarray], height: int) -> float:
    """How many rows of an image the edges of polygons pass; where few points make it few, as nearly
    always, no more than that many."""
    at_most = sum(map(len, polygons)) // 2 * height
    if at_most <= _MOST_ROWS:
        return at_most
    steps = [np.diff(points[1::2], append=points[1:2]) for points in polygons]
    return sum(np.abs(step).clip(max=height).sum(dtype=float) for step in steps)


def _category(entry: CocoAnnotation, index_of: dict, names: Sequence[str]) -> int:
    index = index_of.get(entry.category)
    if index is None:
        raise CocoFault(f"is of the category {entry.category}, which 'categories' does not list")
    if index < 0:
        raise CocoFault(
            f"is of the category {entry.category}, whose name is no class (of {_some(names)})"
        )
    return index


def _corners(box: np.ndarray) -> np.ndarray:
    """x, y, width, height as x1, y1, x2, y2."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)
