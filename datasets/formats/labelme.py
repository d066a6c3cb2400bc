"""Boxes and masks of Labelme's files: one JSON an image, which lists the shapes drawn on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.formats.arrays import fit, require_same_shape
from datasets.formats.base import Format
from datasets.formats.coco_json import BACKGROUND
from datasets.formats.labelme_shapes import Shape, read_labelme
from tasks.segmentation import VOID
from utils.errors import DataError

_BESIDE = 2.0  # pixels that a shape reaches past its image by rounding


class LabelmeFormat(Format):
    """What the two formats of Labelme's files share."""

    def stored_size(self, label):
        return read_labelme(label.file)[0]

    def class_names(self, label):
        return {shape.name for shape in read_labelme(label.file)[1]}

    def _index(self, name: str, path: Path) -> int:
        if name not in self.classes:
            raise DataError(f"{path}: unknown class '{name}'; known are {', '.join(self.classes)}")
        return self.classes.index(name)


class LabelmeBoxes(LabelmeFormat):
    """(N, 6) float32 boxes around the shapes, as :class:`datasets.formats.voc_xml.VocXml`; none is
    difficult. The shapes of one label and one group have one box."""

    label_type = "boxes"
    suffixes = (".json",)

    def read(self, label, size):
        stored, shapes = read_labelme(label.file)
        require_same_shape(stored, size, label.file)
        scale = np.array([size[1] / stored[1], size[0] / stored[0]] * 2)
        rows = [
            (*(_within(box, stored) * scale), self._index(name, label.file), 0)
            for name, box in _objects(shapes)
        ]
        return np.array(rows, np.float32).reshape(-1, 6)

    def clipped(self, label):
        size, shapes = read_labelme(label.file)
        objects = _objects(shapes)
        return [name for name, box in objects if np.abs(_within(box, size) - box).max() > _BESIDE]

    def decided(self, label):
        return {
            "classes": "by the labels of the shapes",
            "boxes": "around the shapes of a group, points in pixels on edges",
        }


class LabelmeMasks(LabelmeFormat):
    """(H, W) uint8 class indices drawn from the shapes, later ones in front; the background where
    there is none, or 255 (void) where no class is called so."""

    label_type = "classes"
    suffixes = (".json",)
    outlines = True

    def read(self, label, size):
        stored, shapes = read_labelme(label.file)
        require_same_shape(stored, size, label.file)
        known = BACKGROUND in self.classes
        result = np.full(stored, self.classes.index(BACKGROUND) if known else VOID, np.uint8)
        for shape in shapes:
            result[shape.inside(stored)] = self._index(shape.name, label.file)
        return fit(result, size, label.file)

    def decided(self, label):
        known = BACKGROUND in self.classes
        return {
            "classes": "by the labels of the shapes; later ones are in front",
            "background": "the pixels of no shape" if known else "none: such pixels are void",
        }


def _objects(shapes: list[Shape]) -> list[tuple[str, np.ndarray]]:
    """The name and the box of each object: of a shape, or of the shapes of a group."""
    boxes: dict[tuple, np.ndarray] = {}
    for place, shape in enumerate(shapes):
        key = (shape.name, True, place) if shape.group is None else (shape.name, False, shape.group)
        box, other = shape.box, boxes.get(key, shape.box)
        boxes[key] = np.concatenate(
            [np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])]
        )
    return [(key[0], box) for key, box in boxes.items()]


def _within(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A box clipped to an image of `size` (height, width)."""
    return box.clip(0, [size[1], size[0]] * 2)
