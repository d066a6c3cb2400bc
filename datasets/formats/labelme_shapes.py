"""The shapes of a Labelme file: one JSON an image."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datasets.formats.coco_annotation import is_id, is_number
from datasets.formats.decoding import MOST_PIXELS, decoding, open_picture
from datasets.formats.outlines import LEAST_POINTS, fill_polygon, is_zigzag
from utils.errors import DataError
from utils.files import read_bytes

_MOST_BYTES = 2**28  # the image may be among them


class Shape(NamedTuple):
    """A shape that was drawn.

    Attributes:
        name: its class.
        group: the shapes of one name and one group are one object; None where it is one alone.
        kind: polygon, circle or mask.
        points: (N, 2) x, y in pixels on edges: of a polygon; the centre and a point of a circle;
            the upper left corner of a mask.
        mask: (H, W) bool, of a mask.
    """

    name: str
    group: int | float | str | None
    kind: str
    points: np.ndarray
    mask: np.ndarray | None = None

    @property
    def box(self) -> np.ndarray:
        """x1, y1, x2, y2 in pixels on edges, which may reach past the image."""
        if self.kind == "circle":
            centre, radius = self.points[0], self.radius
            return np.concatenate([centre - radius, centre + radius])
        if self.kind == "mask":
            return np.concatenate([self.points[0], self.points[0] + self.mask.shape[::-1]])
        return np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])

    @property
    def radius(self) -> float:
        """Of a circle, in pixels."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    def inside(self, size: tuple[int, int]) -> np.ndarray:
        """(H, W) bool, the pixels of an image of `size` whose centres lie in the shape."""
        inside = np.zeros(size, bool)
        if self.kind == "circle":
            x, y = self.points[0]
            rows, columns = np.ogrid[: size[0], : size[1]]
            return np.hypot(columns + 0.5 - x, rows + 0.5 - y) <= self.radius
        if self.kind == "polygon":
            fill_polygon(inside, self.points)
            return inside
        left, top = self.points[0].astype(int)
        skipped = max(-top, 0), max(-left, 0)
        mask = self.mask[skipped[0] :, skipped[1] :]
        top, left = max(top, 0), max(left, 0)
        place = inside[top : top + mask.shape[0], left : left + mask.shape[1]]
        place[:] = mask[: place.shape[0], : place.shape[1]]
        return inside


def read_labelme(path: Path) -> tuple[tuple[int, int], list[Shape]]:
    """Reads the image's size (height, width) and its shapes. The image that a file may hold is left
    alone.

    Raises:
        DataError: the file is missing, no Labelme file, or holds a shape that is no region; names
            the file and the shape.
    """
    stored = read_bytes(path, "JSON", _MOST_BYTES)
    with decoding(path, "JSON"):
        content = json.loads(stored)
    if isinstance(content, dict) and "annotations" in content:
        raise DataError(
            f"{path}: is a COCO JSON, which serves all images: name it without a wildcard"
        )
    if not (isinstance(content, dict) and isinstance(content.get("shapes"), list)):
        raise DataError(f"{path}: is no Labelme file: it has no list 'shapes'")
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if not (is_number(height) and is_number(width)):
        raise DataError(f"{path}: has no 'imageHeight' and 'imageWidth' that are numbers")
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        raise DataError(f"{path}: its size, {width} x {height}, is not that of an image")
    size = int(height), int(width)
    return size, [
        _shape(entry, size, path, f"{path}: shape {number}")
        for number, entry in enumerate(content["shapes"], start=1)
    ]


def _shape(entry: Any, size: tuple[int, int], path: Path, place: str) -> Shape:
    """The shape of an entry; `place` names it in errors."""
    if not (isinstance(entry, dict) and isinstance(entry.get("label"), str) and entry["label"]):
        raise DataError(f"{place} has no 'label'")
    place = f"{place} ('{entry['label']}')"
    kind, group = entry.get("shape_type") or "polygon", entry.get("group_id")
    if group is not None and not is_id(group):
        raise DataError(f"{place} has a 'group_id' that is no number")
    points, mask = _points(entry.get("points"), place), None
    if kind == "rectangle" and len(points) == 2:
        kind, points = "polygon", _rectangle(*points)
    elif kind == "rectangle" and len(points) == 4:  # as newer programs write it
        kind = "polygon"
    elif kind == "mask" and len(points) == 2:
        points = np.floor(points)
        mask = _mask(entry.get("mask"), points, path, place)
    elif kind != "polygon" and not (kind == "circle" and len(points) == 2):
        raise DataError(
            f"{place} is a {kind} of {len(points)} points; boxes and masks are read from polygons, "
            "rectangles, circles and masks: redraw or delete it"
        )
    if kind == "polygon" and len(points) < LEAST_POINTS:
        raise DataError(
            f"{place} is a polygon of {len(points)} points; it wants {LEAST_POINTS} or more"
        )
    if is_zigzag([points.ravel()], size[0]):
        raise DataError(f"{place} goes up and down too often to be an outline")
    shape = Shape(entry["label"], group, kind, points, mask)
    x1, y1, x2, y2 = shape.box
    if x1 >= x2 or y1 >= y2 or x1 >= size[1] or y1 >= size[0] or x2 <= 0 or y2 <= 0:
        raise DataError(f"{place} is empty, or lies outside the image of {size[1]} x {size[0]}")
    return shape


def _points(stored: Any, place: str) -> np.ndarray:
    """(N, 2) x, y."""
    pairs = stored if isinstance(stored, list) and stored else [None]
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair))):
            raise DataError(f"{place} has 'points' that are no list of x, y")
    return np.array(pairs, float)


def _rectangle(corner: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    (x1, y1), (x2, y2) = corner, opposite
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def _mask(stored: Any, points: np.ndarray, path: Path, place: str) -> np.ndarray:
    """(H, W) bool of a PNG in base64; its corners are the centres of the pixels at `points`."""
    if not isinstance(stored, str):
        raise DataError(f"{place} is a mask without the PNG 'mask'")
    with decoding(path, "a mask of Labelme"):
        packed = base64.b64decode(stored, validate=True)
        mask = np.asarray(open_picture(packed, path))
    wanted = tuple((points[1] - points[0] + 1)[::-1].astype(int).tolist())
    if mask.shape != wanted:
        raise DataError(
            f"{place} has a mask of the shape {mask.shape}, but its box is of {wanted} pixels"
        )
    return mask != 0
