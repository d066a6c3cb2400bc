"""Parses COCO's annotation files: one JSON for all images, with a box and an outline an object."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from datasets.formats.outlines import decode_runs
from utils.errors import DataError

# A box reaches past its image by rounding, not by more pixels than this.
_BESIDE = 2.0

_NO_POINTS, _NO_RUNS = np.zeros(0, np.float32), np.zeros(0, np.int32)


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


class _Fault(Exception):
    """What is wrong with a file, without its name."""


class _Annotation(NamedTuple):
    """An entry of 'annotations', as compact as it can be while the file is read."""

    id: int
    image: int
    category: int
    box: tuple[float, float, float, float]  # x, y, width, height
    crowd: bool
    polygons: list[np.ndarray]
    runs: np.ndarray
    runs_size: list[int] | None


def parse(path: Path, classes: Sequence[str] | None) -> tuple[tuple[str, ...], Images, Objects]:
    """The class names, images and objects of a file; see `CocoAnnotations.load`."""
    try:
        content = _content(path)
        images = _images(_listed(content, "images"))
        names, index_of = _classes(_listed(content, "categories"), classes)
        return names, images, _objects(_listed(content, "annotations"), images, index_of, names)
    except _Fault as fault:
        raise DataError(f"{path}: {fault}") from None


def _content(path: Path) -> dict:
    try:
        content = json.loads(path.read_bytes(), object_hook=_compact)
    except FileNotFoundError:
        raise _Fault("the file is missing") from None
    except (OSError, ValueError, RecursionError) as reason:
        raise _Fault(f"cannot be read as JSON ({reason})") from None
    if not isinstance(content, dict):
        raise _Fault(
            "is not a COCO annotation file, which is an object of 'images', 'annotations' and "
            "'categories'"
        )
    return content


def _listed(content: dict, name: str) -> list:
    entries = content.get(name)
    if not isinstance(entries, list):
        raise _Fault(f"has no list '{name}', which a COCO annotation file has")
    if not entries and name != "annotations":
        raise _Fault(f"its list '{name}' is empty")
    return entries


def _images(entries: list) -> Images:
    names, sizes, rows_of_id = [], [], {}
    for number, entry in enumerate(entries, start=1):
        try:
            name, size = str(entry["file_name"]), (int(entry["height"]), int(entry["width"]))
            rows_of_id[entry["id"]] = len(names)
        except (KeyError, TypeError, ValueError):
            raise _Fault(
                f"image number {number} of the list has no proper 'id', 'file_name', 'height' and "
                "'width'"
            ) from None
        if min(size) < 1:
            raise _Fault(f"image {name}: its size, {size[1]} x {size[0]}, is not positive")
        names.append(name.replace("\\", "/"))
        sizes.append(size)
    if len(rows_of_id) < len(names):
        raise _Fault("two images have the same 'id'")
    rows = {str(PurePath(name)): row for row, name in enumerate(names)}
    if len(rows) < len(names):
        raise _Fault("two images have the same 'file_name'")
    ends = [PurePath(name).name for name in names]
    count = Counter(ends)
    alone = {end: row for row, end in enumerate(ends) if count[end] == 1}
    return Images(names, sizes, rows, alone, rows_of_id)


def _classes(entries: list, wanted: Sequence[str] | None) -> tuple[tuple[str, ...], dict]:
    """The names of the classes, and the class index of each category's id; -1: it is not wanted."""
    try:
        named = {entry["id"]: str(entry["name"]) for entry in entries}
        names = tuple(named[number] for number in sorted(named)) if wanted is None else wanted
    except (KeyError, TypeError):
        raise _Fault("a category has no proper 'id' and 'name'") from None
    if len(named) < len(entries) or len(set(names)) < len(names):
        raise _Fault("two categories have the same 'id' or 'name'")
    place = {name: index for index, name in enumerate(names)}
    if wanted is not None and not set(named.values()) & set(wanted):
        raise _Fault(
            f"none of its categories ({_some(named.values())}) is one of the classes "
            f"({_some(wanted)})"
        )
    return tuple(names), {number: place.get(name, -1) for number, name in named.items()}


def _some(names) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _objects(entries: list, images: Images, index_of: dict, names: Sequence[str]) -> Objects:
    rows, category = [], []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, _Annotation):
            raise _Fault(f"annotation number {number} of the list has no 'image_id'")
        try:
            rows.append(_row(entry, images))
            category.append(_category(entry, index_of, names))
        except _Fault as fault:
            raise _Fault(f"annotation {entry.id} {fault}") from None
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


def _row(entry: _Annotation, images: Images) -> int:
    """The row of an annotation's image, of which it can be one."""
    row = images.rows_of_id.get(entry.image)
    if row is None:
        raise _Fault(f"is of the image {entry.image}, which 'images' does not list")
    height, width = images.sizes[row]
    x, y, w, h = entry.box
    if x > width + _BESIDE or y > height + _BESIDE or x + w < -_BESIDE or y + h < -_BESIDE:
        raise _Fault(
            f"has the box {x:g} {y:g} {w:g} {h:g}, which lies outside of its image "
            f"{images.names[row]} of {width} x {height} pixels"
        )
    if entry.runs_size not in (None, [height, width]):
        raise _Fault(
            f"has a mask of the size {entry.runs_size}, but its image {images.names[row]} is "
            f"{[height, width]}"
        )
    return row


def _category(entry: _Annotation, index_of: dict, names: Sequence[str]) -> int:
    index = index_of.get(entry.category)
    if index is None:
        raise _Fault(f"is of the category {entry.category}, which 'categories' does not list")
    if index < 0:
        raise _Fault(
            f"is of the category {entry.category}, whose name is no class (of {_some(names)})"
        )
    return index


def _corners(box: np.ndarray) -> np.ndarray:
    """x, y, width, height as x1, y1, x2, y2."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)


def _compact(entry: dict) -> dict | _Annotation:
    """Called with every object of the JSON: the lists of an annotation, which hold some millions of
    numbers, become arrays as soon as they are read."""
    if "image_id" not in entry:
        return entry
    number = entry.get("id")
    try:
        if not isinstance(number, int):
            raise _Fault(f"has the 'id' {number!r}, not a whole number")
        polygons, runs, size = _outline(entry.get("segmentation"))
        crowd = bool(entry.get("iscrowd", 0))
        ids = (number, entry["image_id"], entry["category_id"])
        return _Annotation(*ids, _box(entry["bbox"]), crowd, polygons, runs, size)
    except KeyError as missing:
        raise _Fault(f"annotation {number} has no {missing}") from None
    except _Fault as fault:
        raise _Fault(f"annotation {number} {fault}") from None


def _box(stored) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(value) for value in stored)
    except (TypeError, ValueError):
        raise _Fault("has a 'bbox' that is not four numbers: x, y, width, height") from None
    if not math.isfinite(x + y + width + height):
        raise _Fault(f"has the box {x:g} {y:g} {width:g} {height:g}, not all of them numbers")
    if width < 0 or height < 0:
        raise _Fault(
            f"has the box {x:g} {y:g} {width:g} {height:g}, whose width or height is negative "
            "(a box is x, y, width, height)"
        )
    return x, y, width, height


def _outline(stored) -> tuple[list[np.ndarray], np.ndarray, list[int] | None]:
    """Polygons, run lengths, and the size that the latter say they are for."""
    if isinstance(stored, dict):
        return [], *_runs(stored)
    try:
        polygons = [np.array(points, np.float32) for points in stored or ()]
    except (TypeError, ValueError):
        raise _Fault("has a 'segmentation' that is neither polygons nor run lengths") from None
    for points in polygons:
        if points.ndim != 1 or len(points) % 2 or not np.isfinite(points).all():
            raise _Fault("has a polygon that is not a list of numbers x, y, x, y, …")
    return polygons, _NO_RUNS, None


def _runs(stored: dict) -> tuple[np.ndarray, list[int]]:
    try:
        size, counts = list(stored["size"]), stored["counts"]
        runs = np.array(decode_runs(counts) if isinstance(counts, str) else counts, np.int64)
        proper = runs.ndim == 1 and runs.min() >= 0 and runs.sum() == size[0] * size[1] < 1 << 31
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as reason:
        raise _Fault(f"has a run-length mask that cannot be read ({reason})") from None
    if not proper:
        raise _Fault(f"has a run-length mask whose runs do not add up to its size {size}")
    return runs.astype(np.int32), size
