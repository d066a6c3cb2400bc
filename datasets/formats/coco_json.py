"""COCO's annotation files, and what they say of an image: boxes and masks.

A file is kept as a few arrays (some 200 MB for COCO's 118,000 training images), which the processes
that read labels share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from datasets.formats.arrays import fit, require_same_shape
from datasets.formats.base import Format, Label
from datasets.formats.coco_parsing import Images, Objects, parse
from datasets.formats.outlines import fill_polygon, fill_runs
from tasks.segmentation import VOID
from utils.errors import DataError

CROWD = 255
"""In a mask: a region that is annotated as a crowd, without an outline for each object."""

BACKGROUND = "background"
"""The class of the pixels that show no object, where a dataset has a class so called."""

_MOST_CLASSES = 254


class CocoAnnotations:
    """All that a COCO JSON says; made by `load`.

    Attributes:
        file: the JSON.
        classes: the names of the classes. A box has the place of its class's name among them.
        names: the `file_name` of every image, in the order of the file.
    """

    def __init__(self, file: Path, classes: tuple[str, ...], images: Images, objects: Objects):
        self.file = file
        self.classes = classes
        self.names = images.names
        self.images = images
        self.objects = objects

    @classmethod
    def load(cls, path: Path, classes: Sequence[str] | None = None) -> CocoAnnotations:
        """Reads a COCO JSON.

        Args:
            classes: the names of the categories, in the order that is wanted for the classes; all
                of the file in the order of their ids, unless given.

        Raises:
            DataError: the file is missing, damaged or not of COCO's form, or an annotation is not
                in order: its image or category is unknown, its box is not one; names the file and
                the annotation.
        """
        return cls(path, *parse(path, classes))

    def image(self, image: str | PurePath) -> CocoImage | None:
        """What the file says of an image; None where it does not list it.

        Args:
            image: its `file_name`, or a path that ends in it. A name without folders also finds the
                one image of that name in any folder.
        """
        parts = PurePath(image).parts
        endings = (str(PurePath(*parts[start:])) for start in range(len(parts)))
        known = self.images.rows
        row = next((known[ending] for ending in endings if ending in known), None)
        if row is None:
            row = self.images.rows_without_folder.get(PurePath(image).name)
        return None if row is None else CocoImage(self, row)


@dataclass(frozen=True, eq=False)
class CocoImage:
    """What a COCO JSON says of one image: its row in `annotations.images`."""

    annotations: CocoAnnotations
    row: int

    @property
    def file(self) -> Path:
        return self.annotations.file

    @property
    def name(self) -> str:
        """The image's `file_name`."""
        return self.annotations.names[self.row]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the annotated image."""
        height, width = self.annotations.images.sizes[self.row]
        return int(height), int(width)

    @property
    def clipped(self) -> list[str]:
        """The class of each object whose box reached past the image, by more than rounding."""
        objects = self.annotations.objects
        rows = objects.of_image(self.row)
        return [self.annotations.classes[k] for k in objects.category[rows][objects.clipped[rows]]]

    def boxes(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The objects of an image of `size` (height, width).

        Boxes without any area, of which COCO has a few, are left out.

        Returns:
            boxes (N, 4) float32 x1, y1, x2, y2 on pixel edges; classes (N), indices into
            `annotations.classes`; crowd (N) bool, where a box is around several objects.

        Raises:
            DataError: the image is of another shape than the annotated one.
        """
        height, width = self._size(size)
        objects = self.annotations.objects
        rows = objects.of_image(self.row)
        boxes = objects.box[rows]
        some = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
        scale = np.array([size[1] / width, size[0] / height] * 2, np.float32)
        return (boxes * scale)[some], objects.category[rows][some], objects.crowd[rows][some]

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """(H, W) uint8, of the annotated image's own H and W: the class of each pixel counted from
        1, 0 where there is no object, and 255 in a crowd (`CROWD`).

        Where objects overlap, the one of fewer pixels is in front; all are in front of a crowd.

        Raises:
            DataError: the image, of `size` (height, width), is of another shape than the annotated
                one; an object has no outline; there are more classes than a mask has numbers for.
        """
        annotations = self.annotations
        if len(annotations.classes) > _MOST_CLASSES:
            raise DataError(
                f"{self.file}: has {len(annotations.classes)} categories, a mask at most "
                f"{_MOST_CLASSES}; name fewer classes"
            )
        size = self._size(size)
        objects = annotations.objects
        rows = objects.of_image(self.row)
        shown = list(zip(objects.category[rows], objects.crowd[rows], self.outlines(), strict=True))
        shown.sort(key=lambda item: -np.count_nonzero(item[2]))
        result = np.zeros(size, np.uint8)
        for _, crowd, inside in shown:
            if crowd:
                result[inside] = CROWD
        for category, crowd, inside in shown:
            if not crowd:
                result[inside] = category + 1
        return result

    def outlines(self) -> list[np.ndarray]:
        """(H, W) bool of each object or crowd, in the order of the file.

        Raises:
            DataError: an object has none.
        """
        rows = self.annotations.objects.of_image(self.row)
        return [self._outline(k) for k in range(rows.start, rows.stop)]

    def _outline(self, k: int) -> np.ndarray:
        objects = self.annotations.objects
        inside = np.zeros(self.size, bool)
        polygons, runs = objects.polygons_of(k), objects.runs[k]
        if not polygons and not len(runs):
            raise DataError(
                f"{self.file}: annotation {objects.ids[k]} has no outline ('segmentation' is "
                "missing or empty): the file serves for boxes, not for masks"
            )
        for points in polygons:
            fill_polygon(inside, points)
        if len(runs):
            fill_runs(inside, runs)
        return inside

    def _size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The annotated image's (height, width)."""
        require_same_shape(self.size, size, f"{self.file}: {self.name}")
        return self.size


class CocoFormat(Format):
    """What the two formats of a COCO JSON share. A label's row is the image's row in the file.

    Args:
        classes: the names of the dataset's classes.
        annotations: the contents of the file.
    """

    def __init__(self, classes: tuple[str, ...], annotations: CocoAnnotations, **options):
        super().__init__(classes, **options)
        self.annotations = annotations

    def label(self, image: str | PurePath) -> Label | None:
        """The label of an image; None where the file does not list the image."""
        listed = self.annotations.image(image)
        return listed and Label(self, (self.annotations.file,), listed.row)

    def stored_size(self, label):
        return self._image(label).size

    def clipped(self, label):
        return self._image(label).clipped

    def source(self, label):
        return f"{label.file}: {self._image(label).name}"

    def _image(self, label: Label) -> CocoImage:
        return CocoImage(self.annotations, label.row)


class CocoBoxes(CocoFormat):
    """(N, 6) float32 boxes, as :class:`datasets.formats.voc_xml.VocXml`; crowds are difficult."""

    label_type = "boxes"

    def read(self, label, size):
        boxes, category, crowd = self._image(label).boxes(size)
        indices = [self._index(self.annotations.classes[k], label.file) for k in category]
        return np.column_stack([boxes, indices, crowd]).astype(np.float32).reshape(-1, 6)

    def _index(self, name: str, path: Path) -> int:
        if name not in self.classes:
            raise DataError(f"{path}: unknown class '{name}'; known are {', '.join(self.classes)}")
        return self.classes.index(name)


class CocoMasks(CocoFormat):
    """(H, W) uint8 class indices drawn from the outlines; 255 (void) in crowds, and where there is
    no object and no class named background."""

    label_type = "classes"

    def read(self, label, size):
        numbers = np.full(256, VOID, np.uint8)
        if BACKGROUND in self.classes:
            numbers[0] = self.classes.index(BACKGROUND)
        for stored, name in enumerate(self.annotations.classes, start=1):
            if name not in self.classes:
                raise DataError(f"{label.file}: its category '{name}' is none of the classes")
            numbers[stored] = self.classes.index(name)
        return fit(numbers[self._image(label).mask(size)], size, label.file)
