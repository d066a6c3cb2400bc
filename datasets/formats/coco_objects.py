"""The objects of a COCO JSON as a few arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasets.formats.coco_annotation import CocoAnnotation
from datasets.formats.coco_categories import Categories
from datasets.formats.coco_faults import Faults
from datasets.formats.coco_images import Images
from datasets.formats.decoding import MOST_PIXELS
from datasets.formats.outlines import is_zigzag

BESIDE = 2.0
"""A box reaches past its image by rounding, not by more pixels than this."""

_HIGHEST = 2**16  # image whose height is not stated

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


class Objects(NamedTuple):
    """The objects of a file, those of an image one after the other."""

    first: np.ndarray  # (images + 1): those of image k are first[k] to first[k + 1] - 1
    ids: np.ndarray  # whole numbers; texts where one of them is no whole number
    box: np.ndarray  # (N, 4) float32 x1, y1, x2, y2 on pixel edges, within an image of known size
    clipped: np.ndarray  # (N) bool: the box reached past the image, by more than rounding
    category: np.ndarray  # (N) indices into the classes; -1 where there is none, which is a fault
    crowd: np.ndarray  # (N) bool
    polygons: Ragged  # the numbers of points of each object's polygons
    points: Ragged  # x, y, x, y, … of all polygons of an object
    runs: Ragged  # the run lengths of each object that has them

    @classmethod
    def of(
        cls,
        entries: list,
        images: Images,
        categories: Categories,
        faults: Faults,
        words: tuple[str, str],
    ) -> Objects:
        """The objects of a list of annotations.

        Args:
            words: what an entry is called, and the key of the list that it stands in.
        """
        objects, rows, category, ids = _placed(entries, images, categories, faults, words)
        order = np.argsort(np.array(rows, np.int64), kind="stable")
        objects = [objects[k] for k in order]
        rows = np.array(rows, np.int64)[order]
        box = _corners(np.array([entry.box for entry in objects]).reshape(-1, 4))
        within = np.clip(box, 0, _limits(images)[rows])
        return cls(
            first=np.searchsorted(rows, np.arange(len(images.names) + 1)),
            ids=np.array(ids)[order],
            box=within.astype(np.float32),
            clipped=(np.abs(within - box) > BESIDE).any(axis=1),
            category=np.array(category, np.int64)[order],
            crowd=np.array([entry.crowd for entry in objects], bool),
            polygons=Ragged.of([_lengths(entry.polygons) for entry in objects], np.int32),
            points=Ragged.of(
                [np.concatenate([_NO_POINTS, *e.polygons]) for e in objects], np.float32
            ),
            runs=Ragged.of([entry.runs for entry in objects], np.int32),
        )

    def of_image(self, row: int) -> slice:
        return slice(int(self.first[row]), int(self.first[row + 1]))

    def polygons_of(self, k: int) -> list[np.ndarray]:
        """(points, 2) of each polygon of an object."""
        counts = self.polygons[k]
        points = self.points[k].reshape(-1, 2)
        return np.split(points, np.cumsum(counts)[:-1]) if len(counts) else []


def _placed(
    entries: list, images: Images, categories: Categories, faults: Faults, words: tuple[str, str]
) -> tuple[list[CocoAnnotation], list[int], list[int], list[int | str]]:
    """The objects that are of an image, and of each its image's row, its class and its id."""
    noun, key = words
    objects, rows, category, ids = [], [], [], []
    for number, entry in enumerate(entries, start=1):
        is_object = isinstance(entry, CocoAnnotation)
        name = entry.id if is_object and entry.id is not None else f"number {number} of '{key}'"
        image = entry.image if is_object else None
        row = images.rows_of_id.get(image)
        if row is None:
            faults.add_orphan(f"{noun} {name}", no_image(image))
            continue
        index = categories.index_of.get(entry.category, -1)
        _find_faults(entry, f"{noun} {name}", row, index, images, faults)
        objects.append(entry)
        rows.append(row)
        category.append(index)
        ids.append(name)
    return objects, rows, category, ids


def no_image(image: int | float | str | None) -> str:
    """Why an annotation belongs to no image."""
    if image is None:
        return "has no proper 'image_id'"
    return f"is of the image {image!r}, which 'images' does not list"


def _find_faults(
    entry: CocoAnnotation, name: str, row: int, index: int, images: Images, faults: Faults
) -> None:
    """Adds what is wrong with an object; `index` is that of its class, -1 where there is none."""
    size = images.sizes[row]
    if size is None and entry.runs_size and math.prod(entry.runs_size) <= MOST_PIXELS:
        size = images.sizes[row] = tuple(entry.runs_size)
    box_fault, outline_fault = entry.box_fault, entry.outline_fault
    if index < 0 and entry.category is not None:
        box_fault = outline_fault = (
            f"is of the category {entry.category!r}, which 'categories' does not list"
        )
    box_fault = box_fault or _box_beside(entry, images.names[row], size)
    outline_fault = outline_fault or _outline_beside(entry, images.names[row], size)
    if box_fault:
        faults.boxes.setdefault(row, []).append(f"{name} {box_fault}")
    if outline_fault:
        faults.outlines.setdefault(row, []).append(f"{name} {outline_fault}")


def _box_beside(entry: CocoAnnotation, image: str, size: tuple[int, int] | None) -> str | None:
    """What is wrong with a box that lies outside of its image."""
    height, width = size or (math.inf, math.inf)
    x, y, w, h = entry.box
    if x > width + BESIDE or y > height + BESIDE or x + w < -BESIDE or y + h < -BESIDE:
        return (
            f"has the box {x:g} {y:g} {w:g} {h:g}, which lies outside of its image {image} of "
            f"{width} x {height} pixels"
        )
    return None


def _outline_beside(entry: CocoAnnotation, image: str, size: tuple[int, int] | None) -> str | None:
    """What is wrong with an outline that is for another image, or for none."""
    if entry.runs_size and size != tuple(entry.runs_size):
        height, width = entry.runs_size
        pixels = f"{size[1]} x {size[0]}" if size else "no such size"
        return f"has a mask of {width} x {height} pixels, but its image {image} has {pixels}"
    if entry.polygons and is_zigzag(entry.polygons, size[0] if size else _HIGHEST):
        return "has polygons that go up and down too often to be an outline"
    return None


def _lengths(polygons: list[np.ndarray]) -> np.ndarray:
    """The number of points of each, of which a polygon holds x and y."""
    return np.array([len(points) // 2 for points in polygons], np.int32)


def _limits(images: Images) -> np.ndarray:
    """(images, 4): the largest x and y of an image, twice; infinite where the size is unknown."""
    sizes = [size or (math.inf, math.inf) for size in images.sizes]
    return np.tile(np.array(sizes)[:, ::-1], 2)


def _corners(box: np.ndarray) -> np.ndarray:
    """x, y, width, height as x1, y1, x2, y2."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)
