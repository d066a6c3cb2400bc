"""An entry of 'annotations' in a COCO JSON: an object with its box and outline."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from datasets.formats.outlines import decode_runs

_LARGEST = 1e9
"""Of the numbers in a file: what lies farther from its image is a mistake."""

_NO_RUNS = np.zeros(0, np.int32)


class CocoFault(Exception):
    """What is wrong with a file, without its name."""


class CocoAnnotation(NamedTuple):
    """An entry of 'annotations', as compact as it can be while the file is read."""

    id: int
    image: int
    category: int
    box: tuple[float, float, float, float]  # x, y, width, height
    crowd: bool
    polygons: list[np.ndarray]
    runs: np.ndarray
    runs_size: list[int] | None


def compact(entry: dict) -> dict | CocoAnnotation:
    """Called with every object of the JSON: the lists of an annotation, which hold some millions of
    numbers, become arrays as soon as they are read."""
    if "image_id" not in entry:
        return entry
    number = entry.get("id")
    try:
        if not isinstance(number, int) or number.bit_length() > 63:
            raise CocoFault(f"has the 'id' {number!r}, not a whole number")
        for name in ("image_id", "category_id"):
            if not isinstance(entry[name], (int, float, str)):
                raise CocoFault(f"has the '{name}' {entry[name]!r}, not a number")
        polygons, runs, size = _outline(entry.get("segmentation"))
        crowd = entry.get("iscrowd") or 0
        if crowd not in (0, 1):
            raise CocoFault(f"has the 'iscrowd' {crowd!r}, not 0 or 1")
        ids = (number, entry["image_id"], entry["category_id"])
        return CocoAnnotation(*ids, _box(entry["bbox"]), crowd == 1, polygons, runs, size)
    except KeyError as missing:
        raise CocoFault(f"annotation {number} has no {missing}") from None
    except CocoFault as fault:
        raise CocoFault(f"annotation {number} {fault}") from None


def _box(stored) -> tuple[float, float, float, float]:
    if not (isinstance(stored, list) and len(stored) == 4 and all(map(_is_real, stored))):
        raise CocoFault("has a 'bbox' that is not four numbers: x, y, width, height")
    if not all(map(is_number, stored)):
        raise CocoFault(f"has the box {' '.join(map(str, stored))}, not all of which are numbers")
    x, y, width, height = map(float, stored)
    if width < 0 or height < 0:
        raise CocoFault(
            f"has the box {x:g} {y:g} {width:g} {height:g}, whose width or height is negative "
            "(a box is x, y, width, height)"
        )
    return x, y, width, height


def _outline(stored) -> tuple[list[np.ndarray], np.ndarray, list[int] | None]:
    """Polygons, run lengths, and the size that the latter say they are for."""
    if isinstance(stored, dict):
        return [], *_runs(stored)
    try:
        polygons = [np.array(points) for points in stored or ()]
        if any(points.dtype.kind not in "if" for points in polygons):
            raise TypeError
    except (TypeError, ValueError):
        raise CocoFault("has a 'segmentation' that is neither polygons nor run lengths") from None
    for points in polygons:
        if points.ndim != 1 or len(points) % 2 or not _are_numbers(points):
            raise CocoFault("has a polygon that is not a list of numbers x, y, x, y, …")
    return [points.astype(np.float32) for points in polygons], _NO_RUNS, None


def _runs(stored: dict) -> tuple[np.ndarray, list[int]]:
    try:
        (height, width), counts = stored["size"], stored["counts"]
        runs = np.array(decode_runs(counts) if isinstance(counts, str) else counts)
        if not (runs.ndim == 1 and len(runs) and _are_numbers(runs)):
            raise ValueError("not a list of numbers")
    except (KeyError, TypeError, ValueError) as reason:
        raise CocoFault(f"has a run-length mask that cannot be read ({reason})") from None
    size = [height, width]
    whole = runs.dtype.kind == "i" and all(map(is_number, size))
    if not whole or runs.min() < 0 or runs.sum() != height * width:
        raise CocoFault(f"has a run-length mask whose runs do not add up to its size {size}")
    return runs.astype(np.int32), size


def _is_real(value: Any) -> bool:
    """Whether a value of a JSON is of a number's type: it may be NaN, or beyond all limits."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a number that can be meant."""
    return _is_real(value) and abs(value) <= _LARGEST


def _are_numbers(values: np.ndarray) -> bool:
    return values.dtype.kind in "if" and bool(((values >= -_LARGEST) & (values <= _LARGEST)).all())
