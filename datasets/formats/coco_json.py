"""COCO's annotation files, and what they say of an image: boxes and masks.

A file is kept as a few arrays (some 200 MB for COCO's 118,000 training images), which the processes
that read labels share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.formats.arrays import fit, map_size, require_same_shape
from datasets.formats.base import Format, Label
from datasets.formats.coco_objects import BESIDE
from datasets.formats.coco_parsing import Content, parse
from datasets.formats.outlines import fill_polygon, fill_runs
from tasks.segmentation import VOID
from utils.errors import DataError
from utils.option import nearest

BACKGROUND = "background"
"""The class of the pixels that show no object, where a dataset has a class so called."""


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


class CocoFormat(Format):
    """What the formats of a COCO JSON share. A label's row is the image's row in the file.

    Args:
        classes: the names of the dataset's classes.
        annotations: the contents of the file.
    """

    def __init__(self, classes: tuple[str, ...], annotations: CocoAnnotations, **options):
        super().__init__(classes, **options)
        self.annotations = annotations
        place = {name: index for index, name in enumerate(self.classes)}
        self.numbers = np.array([place.get(name, -1) for name in annotations.classes])
        """Of each class of the file, the index in the dataset's; -1 where it has none."""

    @classmethod
    def class_names_of(cls, annotations: CocoAnnotations) -> tuple[str, ...]:
        """The classes that a file has for labels of this format."""
        return annotations.classes

    def label(self, row: int, image: Path) -> Label | None:
        """The label of an image, by its row in the file; None where it has none of this format."""
        unsized = self.annotations.images.sizes[row] is None
        return Label(self, (self.annotations.file, *([image] if unsized else [])), row)

    def stored_size(self, label):
        return self._image(label).size or map_size(label.files[-1])

    def clipped(self, label):
        return self._image(label).clipped

    def source(self, label):
        return f"{label.file}: {self._image(label).name}"

    def class_names(self, label):
        return self._image(label).class_names

    def decided(self, label):
        categories = self.annotations.categories
        known = {*self.annotations.classes, BACKGROUND}
        absent = (name for name in self.classes if name not in known)
        hints = (f"no category is called {name}{nearest(name, known)}" for name in absent)
        notes = [*categories.notes, *hints]
        size = {"size": "of the image: 'images' states none"} if len(label.files) > 1 else {}
        return {"classes": "; ".join(["by the names of the categories", *notes])} | size

    def _image(self, label: Label) -> CocoImage:
        return self.annotations.image(label.row)

    def _require_known(self, category: np.ndarray, label: Label) -> None:
        """Checks that objects are of the dataset's classes."""
        unknown = category[self.numbers[category] < 0]
        if len(unknown):
            name, known = self.annotations.classes[unknown[0]], ", ".join(self.classes)
            raise DataError(f"{self.source(label)}: unknown class '{name}'; known are {known}")


class CocoBoxes(CocoFormat):
    """(N, 6) float32 boxes, as :class:`datasets.formats.voc_xml.VocXml`; crowds are difficult."""

    label_type = "boxes"

    def read(self, label, size):
        return self._targets(*self._image(label).boxes(size), label)

    def decided(self, label):
        boxes = {"boxes": "x, y, width, height in pixels, from edge to edge; crowds are difficult"}
        return super().decided(label) | boxes

    def _targets(
        self, boxes: np.ndarray, category: np.ndarray, crowd: np.ndarray, label: Label
    ) -> np.ndarray:
        self._require_known(category, label)
        return np.column_stack([boxes, self.numbers[category], crowd]).astype(np.float32)


class CocoMasks(CocoFormat):
    """(H, W) uint8 class indices drawn from the outlines; 255 (void) in crowds, and where there is
    no object and no class named background."""

    label_type = "classes"
    outlines = True

    def read(self, label, size):
        image = self._image(label)
        rows = self.annotations.objects.of_image(label.row)
        self._require_known(self.annotations.objects.category[rows], label)
        has_background = BACKGROUND in self.classes
        nothing = self.classes.index(BACKGROUND) if has_background else VOID
        return fit(image.mask(size, self.numbers, nothing), size, label.file)

    def decided(self, label):
        known = BACKGROUND in self.classes
        return super().decided(label) | {
            "background": "the pixels of no object" if known else "none: such pixels are void",
            "void": "crowds",
        }
