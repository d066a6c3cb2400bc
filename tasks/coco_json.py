"""COCO's annotation files, and what they say of an image: boxes and masks.

A file is kept as a few arrays (some 200 MB for COCO's 118,000 training images), which the processes
that read labels share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from tasks.coco_parsing import Images, Objects, parse
from tasks.outlines import fill_polygon, fill_runs
from utils.errors import DataError

CROWD = 255
"""In a mask: a region that is annotated as a crowd, without an outline for each object."""

_MOST_CLASSES = 254

# The shape of an image differs from the annotated one's by rounding, not by more than this share.
_STRETCHED = 0.03


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

    def label(self, image: str | PurePath) -> CocoLabel | None:
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
        return None if row is None else CocoLabel(self, row)


@dataclass(frozen=True, eq=False)
class CocoLabel:
    """What a COCO JSON says of one image: its row in `annotations.images`."""

    annotations: CocoAnnotations
    row: int

    beside = ()

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
        shown.sort(key=lambda one: -np.count_nonzero(one[2]))
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
        height, width = self.size
        if abs(math.log(height * size[1] / (width * size[0]))) > _STRETCHED:
            raise DataError(
                f"{self.file}: is for an image {self.name} of {width} x {height} pixels, but the "
                f"image has {size[1]} x {size[0]}: another image, or turned by a camera's note "
                "that was followed when it was annotated"
            )
        return height, width
