"""The contents of a COCO JSON, and what it says of an image.

A file is kept as a few arrays (some 200 MB for COCO's 118,000 training images), which the processes
that read labels share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.formats.arrays import require_same_shape
from datasets.formats.coco_objects import BESIDE
from datasets.formats.coco_parsing import Content, parse
from datasets.formats.outlines import fill_polygon, fill_runs
from tasks.segmentation import VOID
from utils.errors import DataError


class CocoAnnotations:
    """All that a COCO JSON says; made by `load`.

    Attributes:
        file: the JSON.
        classes: the names of its categories, in the order of their ids; see `Categories`.
        names: the `file_name` of every image, in the order of the file; '' where there is none.
        pngs: of a file in COCO's panoptic form, each image's PNG by the image's row; else None.
    """

    def __init__(self, file: Path, content: Content):
        self.file = file
        self.categories, self.images, self.objects, self.faults, self.pngs = content
        self.classes = self.categories.names
        self.names = self.images.names

    @classmethod
    def load(cls, path: Path) -> CocoAnnotations:
        """Reads a COCO JSON. What is wrong with an image's entries is told when its label is read.

        Raises:
            DataError: the file is missing, damaged or not of COCO's form; names the file.
        """
        return cls(path, parse(path))

    def image(self, row: int) -> CocoImage:
        """What the file says of the image in a row of 'images'."""
        return CocoImage(self, row)

    @property
    def with_objects(self) -> dict[str, int]:
        """The number of objects of each class that has any."""
        known = self.objects.category[self.objects.category >= 0]
        counts = np.bincount(known, minlength=len(self.classes)).tolist()
        return {name: n for name, n in zip(self.classes, counts, strict=True) if n}


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
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the annotated image; None where the file does not state it."""
        return self.annotations.images.sizes[self.row]

    @property
    def clipped(self) -> list[str]:
        """The class of each object whose box reached past the image, by more than rounding."""
        objects = self.annotations.objects
        rows = objects.of_image(self.row)
        return [self.annotations.classes[k] for k in objects.category[rows][objects.clipped[rows]]]

    @property
    def class_names(self) -> set[str]:
        """The classes of the objects."""
        objects = self.annotations.objects
        category = objects.category[objects.of_image(self.row)]
        return {self.annotations.classes[k] for k in set(category.tolist()) if k >= 0}

    def boxes(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The objects of an image of `size` (height, width).

        Boxes without any area, of which COCO has a few, are left out.

        Returns:
            boxes (N, 4) float32 x1, y1, x2, y2 on pixel edges; classes (N), indices into
            `annotations.classes`; crowd (N) bool, where a box is around several objects.

        Raises:
            DataError: the image is of another shape than the annotated one, or there is no sense in
                an entry about it; names the annotation.
        """
        self.require_boxes()
        height, width = self._canvas(size)
        objects = self.annotations.objects
        rows = objects.of_image(self.row)
        boxes = objects.box[rows]
        if self.size is None:
            boxes = self._within(boxes, size)
        some = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
        scale = np.array([size[1] / width, size[0] / height] * 2, np.float32)
        return (boxes * scale)[some], objects.category[rows][some], objects.crowd[rows][some]

    def mask(
        self, size: tuple[int, int], numbers: Sequence[int], nothing: int = VOID
    ) -> np.ndarray:
        """(H, W) uint8, of the annotated image's own H and W, drawn from the outlines; void in
        crowds.

        Where objects overlap, the one of fewer pixels is in front; all are in front of a crowd.

        Args:
            numbers: what to draw for each of `annotations.classes`.
            nothing: what to draw where there is no object.

        Raises:
            DataError: the image, of `size` (height, width), is of another shape than the annotated
                one; there is no sense in an entry about it, or an object has no outline; names the
                annotation.
        """
        objects = self.annotations.objects
        rows = objects.of_image(self.row)
        outlines = self.outlines(size)
        shown = list(zip(objects.category[rows], objects.crowd[rows], outlines, strict=True))
        shown.sort(key=lambda item: -np.count_nonzero(item[2]))
        result = np.full(self._canvas(size), nothing, np.uint8)
        for _, crowd, inside in shown:
            if crowd:
                result[inside] = VOID
        for category, crowd, inside in shown:
            if not crowd:
                result[inside] = numbers[category]
        return result

    def require_boxes(self) -> None:
        """Raises a DataError where there is no sense in an entry about the boxes of the image."""
        self._refuse(self.annotations.faults.boxes)

    def require_outlines(self) -> None:
        """The same of what its mask is made of."""
        self._refuse(self.annotations.faults.outlines)

    def outlines(self, size: tuple[int, int]) -> list[np.ndarray]:
        """(H, W) bool of each object or crowd, in the order of the file; for `size` and errors see
        :meth:`mask`."""
        self.require_outlines()
        canvas = self._canvas(size)
        rows = self.annotations.objects.of_image(self.row)
        return [self._outline(k, canvas) for k in range(rows.start, rows.stop)]

    def _outline(self, k: int, canvas: tuple[int, int]) -> np.ndarray:
        objects = self.annotations.objects
        inside = np.zeros(canvas, bool)
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

    def _refuse(self, faults: dict[int, list[str]]) -> None:
        if self.row in faults:
            raise DataError(f"{self.file}: {'; '.join(faults[self.row])}")

    def _canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """The annotated image's (height, width); where the file does not state it, `size`."""
        if self.size is None:
            return size
        require_same_shape(self.size, size, f"{self.file}: {self.name}")
        return self.size

    def _within(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Boxes in the pixels of an image of `size`, as they must be where the file states none."""
        height, width = size
        within = np.clip(boxes, 0, [width, height, width, height])
        beyond = (np.abs(within - boxes) > BESIDE).any(axis=1)
        if beyond.any():
            k = self.annotations.objects.of_image(self.row).start + int(beyond.argmax())
            raise DataError(
                f"{self.file}: annotation {self.annotations.objects.ids[k]} reaches past its image "
                f"{self.name} of {width} x {height} pixels; 'images' has no 'width' and 'height', "
                "so the box counts in the pixels of the image"
            )
        return within
