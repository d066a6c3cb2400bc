"""Parses COCO's annotation files: one JSON for all images, with a box and an outline an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from datasets.formats.coco_annotation import CocoAnnotation, PanopticAnnotation, compact
from datasets.formats.coco_categories import Categories
from datasets.formats.coco_faults import CocoFault, Faults
from datasets.formats.coco_images import Images
from datasets.formats.coco_objects import Objects, no_image
from utils.errors import DataError
from utils.files import read_bytes

_MOST_BYTES = 2**33


class Content(NamedTuple):
    """A file: `pngs` are those of a panoptic one by the rows of their images, else None."""

    categories: Categories
    images: Images
    objects: Objects
    faults: Faults
    pngs: dict[int, str] | None


def parse(path: Path) -> Content:
    """The contents of a file; see `CocoAnnotations.load`."""
    try:
        content = _loaded(path)
        faults = Faults()
        images = Images.of(_listed(content, "images"), faults)
        entries = _listed(content, "annotations")
        pngs, words = None, ("annotation", "annotations")
        if any(isinstance(entry, PanopticAnnotation) for entry in entries):
            entries, pngs = _segments(entries, images, faults)
            words = ("segment", "segments_info")
        used = {entry.category for entry in entries if isinstance(entry, CocoAnnotation)}
        categories = Categories.of(_listed(content, "categories"), used)
        objects = Objects.of(entries, images, categories, faults, words)
        if faults.orphans and faults.orphans == len(content["annotations"]):
            name, reason = faults.orphan
            raise CocoFault(f"none of its 'annotations' is of an image: {name} {reason}")
    except CocoFault as fault:
        raise DataError(f"{path}: {fault}") from None
    return Content(categories, images, objects, faults, pngs)


def _loaded(path: Path) -> dict:
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


def _segments(
    entries: list, images: Images, faults: Faults
) -> tuple[list[CocoAnnotation], dict[int, str]]:
    """The segments of all images as annotations, and each image's PNG."""
    segments: list[CocoAnnotation] = []
    pngs: dict[int, str] = {}
    for number, entry in enumerate(entries, start=1):
        name = f"entry {number} of 'annotations'"
        if not isinstance(entry, PanopticAnnotation):
            faults.add_orphan(name, "it has no 'segments_info', unlike others")
            continue
        row = images.rows_of_id.get(entry.image)
        if row is None:
            faults.add_orphan(name, no_image(entry.image))
            continue
        if entry.fault:
            faults.add(row, f"{name} {entry.fault}")
        elif row in pngs:
            faults.add(row, f"{name} is of the image {entry.image}, which has another")
        pngs[row] = entry.file or ""
        segments += entry.segments
    return segments, pngs
