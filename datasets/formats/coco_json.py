"""Boxes and masks of COCO's annotation files: one JSON for all images."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.base import Format, Label
from datasets.formats.coco_file import CocoAnnotations, CocoImage
from datasets.formats.images import image_size
from tasks.segmentation import VOID
from utils.errors import DataError
from utils.option import closest

BACKGROUND = "background"
"""The class of the pixels that show no object, where a dataset has a class so called."""

_MOST_NAMED = 3


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
        return self._image(label).size or image_size(label.files[-1])

    def clipped(self, label):
        return self._image(label).clipped

    def source(self, label):
        return f"{label.file}: {self._image(label).name}"

    def class_names(self, label):
        return self._image(label).class_names

    def decided(self, label):
        return {"classes": self._meaning_of_classes}

    @cached_property
    def _meaning_of_classes(self) -> str:
        categories = self.annotations.categories
        absent = [name for name in self.classes if name not in (*categories.names, BACKGROUND)]
        others = [name for name in categories.names if name not in self.classes]
        alike = {name: closest(name, others) for name in absent}
        notes = [f"no category is called {a}; did you mean {b}?" for a, b in alike.items() if b]
        unlike = [name for name, other in alike.items() if other is None]
        if unlike:
            more = f" and {len(unlike) - _MOST_NAMED} more" if len(unlike) > _MOST_NAMED else ""
            notes.append(f"of no category: {', '.join(unlike[:_MOST_NAMED])}{more}")
        return "; ".join(["by the names of the categories", *categories.notes, *notes])

    def _meaning_of_pixels(self, label: Label) -> dict[str, str]:
        """What is decided where the file does not state the size of an image."""
        unsized = self._image(label).size is None
        return {"size": "of the image: 'images' states none"} if unsized else {}

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
        boxes = {"boxes": "x, y, width, height in pixels, on pixel edges; crowds are difficult"}
        return super().decided(label) | boxes | self._meaning_of_pixels(label)

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
        pixels = {
            "background": "the pixels of no object" if known else "none: such pixels are void",
            "void": "crowds (iscrowd 1)",
        }
        return super().decided(label) | pixels | self._meaning_of_pixels(label)
