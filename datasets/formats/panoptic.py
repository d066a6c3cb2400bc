"""COCO's panoptic form: a JSON that lists the segments of each image, and a PNG an image whose
colours are the segments' ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.base import Label
from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.coco_json import CocoBoxes, CocoFormat
from datasets.formats.images import image_size
from datasets.formats.pictures import read_picture
from datasets.listing import require_inside
from tasks.segmentation import VOID
from utils.errors import DataError
from utils.option import option

_MOST_NAMED = 3


class PanopticMasks(CocoFormat):
    """(H, W) uint8 class indices by the category of each pixel's segment; 255 (void) where the
    colour is black (id 0), and in crowds.

    A label's files are the PNG, whose colours are id = R + 256 G + 65536 B, and the JSON.

    Args:
        root: the folder of the dataset.

    Raises:
        DataError: the folder of the PNGs is not there, or the JSON names a PNG elsewhere.
    """

    label_type = "classes"

    folder: str | None = option(
        None,
        "the folder of the PNGs of a panoptic JSON, below root (empty: beside the JSON, of the "
        "JSON's name without .json)",
    )

    def __init__(self, classes, annotations: CocoAnnotations, root: Path = Path(), **options):
        super().__init__(classes, annotations, **options)
        file = annotations.file
        self.place = root / self.folder if self.folder else file.with_suffix("")
        if not self.place.is_dir():
            raise DataError(
                f"{file}: its PNGs are not there: no folder {self.place}; "
                f"{self.cfg_key('folder')} names their place"
            )
        require_inside(self.place, annotations.pngs.values(), str(file))

    def label(self, row, image):
        file = self.annotations.pngs.get(row)
        if file is None:
            return None
        return Label(self, (self.place / file, self.annotations.file), row)

    def stored_size(self, label):
        return image_size(label.file)

    def read(self, label, size):
        image = self._image(label)
        image.require_outlines()
        objects = self.annotations.objects
        rows = objects.of_image(label.row)
        category, crowd = objects.category[rows], objects.crowd[rows]
        self._require_known(category, label)
        ids = np.concatenate([[0], objects.ids[rows].astype(np.int64)])
        if len(np.unique(ids)) < len(ids):
            raise DataError(f"{image.file}: two segments of {image.name} have the same 'id'")
        numbers = np.concatenate([[VOID], np.where(crowd, VOID, self.numbers[category])])
        order = np.argsort(ids)
        stored = _read_ids(label.file)
        place = np.minimum(np.searchsorted(ids[order], stored), len(ids) - 1)
        segment = order[place]
        if (unknown := ids[segment] != stored).any():
            raise DataError(
                f"{label.file}: has pixels of {_some(np.unique(stored[unknown]))}, which "
                f"'segments_info' of {image.name} in {self.annotations.file} does not list"
            )
        return fit(numbers.astype(np.uint8)[segment], size, label.file)

    def source(self, label):
        return str(label.file)

    def decided(self, label):
        return super().decided(label) | {"void": "black (id 0) and crowds"}


class PanopticBoxes(CocoBoxes):
    """(N, 6) float32 boxes of the segments that are things, as
    :class:`datasets.formats.coco_json.CocoBoxes`.

    Raises:
        DataError: a category does not say whether it is of things.
    """

    def __init__(self, classes, annotations: CocoAnnotations, **options):
        super().__init__(classes, annotations, **options)
        self.things = np.array(_things(annotations))

    @classmethod
    def class_names_of(cls, annotations):
        names = zip(annotations.classes, _things(annotations), strict=True)
        return tuple(name for name, is_thing in names if is_thing)

    def label(self, row, image):
        return super().label(row, image) if row in self.annotations.pngs else None

    def read(self, label, size):
        boxes, category, crowd = self._image(label).boxes(size)
        shown = self.things[category]
        return self._targets(boxes[shown], category[shown], crowd[shown], label)

    def class_names(self, label):
        return super().class_names(label) & {*self.class_names_of(self.annotations)}

    def clipped(self, label):
        things = self.class_names_of(self.annotations)
        return [name for name in super().clipped(label) if name in things]


def _things(annotations: CocoAnnotations) -> tuple[bool, ...]:
    categories = annotations.categories
    for name, is_thing in zip(categories.names, categories.things, strict=True):
        if is_thing is None:
            raise DataError(
                f"{annotations.file}: its category '{name}' has no 'isthing' of 0 or 1, which says "
                "whether its segments have boxes"
            )
    return categories.things


def _read_ids(path: Path) -> np.ndarray:
    """(H, W) int32 ids of the segments in a PNG."""
    colours = read_picture(path).numbers
    if colours.ndim != 3 or colours.shape[2] != 3 or colours.dtype != np.uint8:
        raise DataError(
            f"{path}: holds an array {colours.shape}, where a panoptic PNG has the three colours "
            "that segments have as ids"
        )
    return colours.astype(np.int32) @ np.array([1, 2**8, 2**16], np.int32)


def _some(ids: np.ndarray) -> str:
    named = ", ".join(map(str, ids[:_MOST_NAMED].tolist()))
    return f"the id{'s' * (len(ids) > 1)} {named}" + ", …" * (len(ids) > _MOST_NAMED)
