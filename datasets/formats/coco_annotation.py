"""The entries of 'annotations' in a COCO JSON: an object with its box and outline, or all segments
of an image in COCO's panoptic form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from datasets.formats.coco_faults import CocoFault
from datasets.formats.outlines import LEAST_POINTS, decode_runs

_LARGEST = 1e9
"""Of the numbers in a file: what lies farther from its image is a mistake."""

_MOST_LETTERS = 40  # of an id that is a text, as errors show it
_MOST_BITS = 63  # of an id that is a whole number

_SEGMENT_IDS = 2**24  # that the three bytes of a colour can hold

_NO_BOX = (0.0, 0.0, 0.0, 0.0)
_NO_RUNS = np.zeros(0, np.int32)
_NO_OUTLINE = ([], _NO_RUNS, None)


class CocoAnnotation(NamedTuple):
    """An object, as compact as it can be while the file is read.

    `box_fault` and `outline_fault` say what is wrong with it for boxes and for masks. What is wrong
    with the object as a whole stands in both.
    """

    id: int | str | None
    image: int | float | str | None
    category: int | float | str | None
    box: tuple[float, float, float, float]  # x, y, width, height
    crowd: bool
    polygons: list[np.ndarray]
    runs: np.ndarray
    runs_size: list[int] | None
    box_fault: str | None
    outline_fault: str | None


class PanopticAnnotation(NamedTuple):
    """The segments of an image: its pixels are in a PNG of their own, `file`."""

    image: int | float | str | None
    file: str | None
    segments: list[CocoAnnotation]
    fault: str | None


def compact(entry: dict) -> dict | CocoAnnotation | PanopticAnnotation:
    """Called with every object of the JSON: the lists of an annotation, which hold some millions of
    numbers, become arrays as soon as they are read."""
    if "image_id" not in entry:
        return entry
    image = entry["image_id"] if is_id(entry["image_id"]) else None
    if "segments_info" in entry:
        return _panoptic(entry, image)
    return _annotation(entry, image)


def _annotation(entry: dict, image: int | float | str | None) -> CocoAnnotation:
    box, outline = _NO_BOX, _NO_OUTLINE
    box_fault = outline_fault = None
    try:
        box = _box(entry.get("bbox"))
    except CocoFault as fault:
        box_fault = str(fault)
    try:
        outline = _outline(entry.get("segmentation"))
    except CocoFault as fault:
        outline_fault = str(fault)
    category = entry.get("category_id")
    crowd = entry.get("iscrowd") or 0
    if not is_id(category):
        box_fault = outline_fault = f"has no 'category_id' that is one: {_shown(category)}"
        category = None
    elif crowd not in (0, 1):
        box_fault = outline_fault = f"has the 'iscrowd' {_shown(crowd)}, not 0 or 1"
    number = _id(entry.get("id"))
    return CocoAnnotation(
        number, image, category, box, crowd == 1, *outline, box_fault, outline_fault
    )


def _panoptic(entry: dict, image: int | float | str | None) -> PanopticAnnotation:
    file, segments = entry.get("file_name"), entry["segments_info"]
    fault = None
    if not isinstance(segments, list) or not all(isinstance(item, dict) for item in segments):
        segments, fault = [], "has a 'segments_info' that is not a list of segments"
    elif not (isinstance(file, str) and file):
        file, fault = None, "has no 'file_name' of a PNG"
    return PanopticAnnotation(image, file, [_segment(item, image) for item in segments], fault)


def _segment(entry: dict, image: int | float | str | None) -> CocoAnnotation:
    """An object whose outline is the pixels of its id."""
    segment = _annotation(entry, image)
    if isinstance(segment.id, int) and 0 < segment.id < _SEGMENT_IDS:
        return segment
    fault = f"has an 'id' that is no colour's: no whole number from 1 to {_SEGMENT_IDS - 1}"
    return segment._replace(outline_fault=fault)


def _id(value: Any) -> int | str | None:
    """An annotation's id, as errors name it; None where there is none."""
    if not is_id(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return value
    return _shown(value)


def _box(stored: Any) -> tuple[float, float, float, float]:
    if stored is None:
        raise CocoFault("has no 'bbox'")
    if not (isinstance(stored, list) and len(stored) == 4 and all(map(_is_real, stored))):
        raise CocoFault("has a 'bbox' that is not four numbers: x, y, width, height")
    if not all(map(is_number, stored)):
        raise CocoFault(f"has the box {_shown(stored)}, not all of which are numbers")
    x, y, width, height = map(float, stored)
    if width < 0 or height < 0:
        raise CocoFault(
            f"has the box {x:g} {y:g} {width:g} {height:g}, whose width or height is negative "
            "(a box is x, y, width, height)"
        )
    return x, y, width, height


def _outline(stored: Any) -> tuple[list[np.ndarray], np.ndarray, list[int] | None]:
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
        if len(points) < 2 * LEAST_POINTS:
            raise CocoFault(
                f"has an outline of {len(points) // 2} points in its 'segmentation'; an outline "
                f"wants {LEAST_POINTS} or more ({2 * LEAST_POINTS} numbers)"
            )
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
        raise CocoFault(
            f"has a run-length mask whose runs do not add up to its size {_shown(size)}"
        )
    return runs.astype(np.int32), [int(height), int(width)]


def _shown(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def is_id(value: Any) -> bool:
    """Whether a value of a JSON can be an id: whole numbers and 1.0 as well as texts."""
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    """Whether a value of a JSON is of a number's type: it may be NaN, or beyond all limits."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a number that can be meant."""
    return _is_real(value) and abs(value) <= _LARGEST


def _are_numbers(values: np.ndarray) -> bool:
    return values.dtype.kind in "if" and bool(((values >= -_LARGEST) & (values <= _LARGEST)).all())
