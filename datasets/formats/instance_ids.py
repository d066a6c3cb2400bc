"""The numbers of instances as Cityscapes stores them."""

from __future__ import annotations

import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.base import Format
from datasets.formats.class_masks import some
from datasets.formats.pictures import picture_map_head, read_picture
from utils.errors import DataError

_INSTANCES = 1000
"""From this number on, a pixel's number is that of its class times this, plus that of the instance.
Below it, the number is that of the class: of one without instances, or of a group of objects."""


class InstanceIds(Format):
    """(H, W) uint16 numbers of instances, 0 where there is none, of `instanceIds` in a PNG of 16
    bits. The pixels of a group of objects are those of one instance, as in the code of Sener and
    Koltun and in Aligned-MTL's.

    Args:
        classes: the names of the classes that have instances.
        numbers: the number of each of these classes.
    """

    label_type = "map"

    def __init__(self, classes: tuple[str, ...], numbers: tuple[int, ...]):
        super().__init__(classes)
        self.numbers = numbers
        stored = np.arange(2**16)
        of_class = np.where(stored < _INSTANCES, stored, stored // _INSTANCES)
        self._instances = np.where(np.isin(of_class, numbers), stored, 0).astype(np.uint16)

    def read(self, label, size):
        stored = read_picture(label.file).numbers
        if stored.ndim != 2:
            raise DataError(f"{label.file}: has several channels, a map of instances has one")
        if stored.dtype != np.uint16:
            raise DataError(
                f"{label.file}: has {8 * stored.itemsize} bits, a map of Cityscapes' instances has "
                "16; those of classes alone have 8"
            )
        return fit(self._instances[stored], size, label.file)

    def decided(self, label):
        pairs = zip(self.numbers, self.classes, strict=True)
        return {
            "instances": f"class x {_INSTANCES} + number; below {_INSTANCES}, a group as one "
            f"({picture_map_head(label.file)})",
            "classes": some(f"{number} {name}" for number, name in pairs),
            "void": "all other classes",
        }

    @property
    def fingerprint(self):
        return f"{super().fingerprint} {self.numbers}"
