"""The labels of a data.yaml of YOLO. Images that show no object have no file in it."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from datasets.base import Unmatched
from datasets.custom.patterns import Names
from datasets.custom.yolo_data import YoloData
from datasets.formats.base import Format, Label
from tasks.segmentation import VOID

_BACKGROUND = "background"


class NoBoxes(Format):
    """(0, 6) float32: no box, as :class:`datasets.formats.voc_xml.VocXml` gives them. The file of
    such a label is the image."""

    label_type = "boxes"

    def read(self, label, size):
        return np.zeros((0, 6), np.float32)

    def stored_size(self, label):
        return None


class NoMask(Format):
    """(H, W) uint8, all of it background; void where no class is named so. The file of such a label
    is the image."""

    label_type = "classes"

    def read(self, label, size):
        known = _BACKGROUND in self.classes
        return np.full(size, self.classes.index(_BACKGROUND) if known else VOID, np.uint8)

    def stored_size(self, label):
        return None


def yolo_labels(
    data: YoloData, images: Names, stored: Format
) -> tuple[dict[Hashable, Label], Unmatched | None]:
    """The labels of the images of a data.yaml by the images' keys, and those that belong to no
    image of it. An image without a label file shows no object.

    Args:
        stored: the format of the label files.

    Raises:
        DataError: no image has a label file.
    """
    files, unmatched = data.labels(images)
    empty = NO_OBJECTS[stored.label_type](stored.classes)
    labels = {
        key: Label(stored, (data.folder / files[key],))
        if key in files
        else Label(empty, (data.folder / name,))
        for key, name in images.items()
    }
    return labels, unmatched


def is_empty(label: Label) -> bool:
    """Whether a label is one of these."""
    return isinstance(label.format, tuple(NO_OBJECTS.values()))


NO_OBJECTS = {stored.label_type: stored for stored in (NoBoxes, NoMask)}
"""By the sort of label, the format of those without an object."""
