"""The parts of people, as PASCAL-Part stores them (Chen et al., CVPR 2014): a mask for each part of
each object of an image, in a .mat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.base import Format
from datasets.formats.mat_files import Structs, read_structs
from utils.errors import DataError
from utils.files import read_bytes

PERSON = 15
"""The number of the class of people."""
CLASSES = ("background", "head", "torso", "upper arm", "lower arm", "upper leg", "lower leg")
_PARTS = {
    "head": ("hair", "head", "lear", "rear", "lebrow", "rebrow", "leye", "reye", "mouth", "nose"),
    "torso": ("neck", "torso"),
    "upper arm": ("luarm", "ruarm"),
    "lower arm": ("llarm", "rlarm", "lhand", "rhand"),
    "upper leg": ("luleg", "ruleg"),
    "lower leg": ("llleg", "rlleg", "lfoot", "rfoot"),
}
"""The names of the stored parts of each class; `l` and `r` are left and right."""
_NUMBERS = {part: CLASSES.index(name) for name, parts in _PARTS.items() for part in parts}
_MOST_BYTES = 2**28


class PersonParts(Format):
    """(H, W) uint8: the part of a person that each pixel shows, an index into `CLASSES`; 0 where
    there is none. Where people overlap, the later one of the file is in front."""

    label_type = "classes"

    def __init__(self):
        super().__init__(CLASSES)

    def read(self, label, size):
        path, objects = label.file, _objects(label.file)
        target = None
        for mask, part in _person_parts(objects, path):
            target = np.zeros(mask.shape, np.uint8) if target is None else target
            if mask.shape != target.shape:
                raise DataError(f"{path}: the masks of its parts are of different sizes")
            target[mask != 0] = _number(part, path)
        return np.zeros(size, np.uint8) if target is None else fit(target, size, path)

    def stored_size(self, label):
        for mask, _ in _person_parts(_objects(label.file), label.file):
            return mask.shape
        return None

    def decided(self, label):
        return {"classes": "the parts of people, left and right alike", "void": "none"}


def _objects(path: Path) -> Structs:
    """The objects in a file, each with its `class_ind`, its `mask` and its `parts`.

    Raises:
        DataError: the .mat is missing or damaged, or holds no `anno`.
    """
    stored = read_bytes(path, "a .mat", _MOST_BYTES)
    try:
        anno = read_structs(stored, "anno")
    except ValueError as reason:
        raise DataError(f"{path}: cannot be read as a .mat ({reason})") from None
    if not anno:
        raise DataError(f"{path}: holds no anno, as the parts of PASCAL-Context do")
    return _structs(anno[0], "objects", path)


def _person_parts(objects: Structs, path: Path) -> Iterator[tuple[np.ndarray, Any]]:
    """The mask (H, W) and the name of each part of each person."""
    for stored in objects:
        if _class_of(stored, path) == PERSON:
            for part in _structs(stored, "parts", path):
                mask, name = part.get("mask"), part.get("part_name")
                if not isinstance(mask, np.ndarray) or mask.ndim != 2 or not mask.size:
                    raise DataError(f"{path}: a part has no mask")
                yield mask, name


def _structs(stored: dict[str, Any], field: str, path: Path) -> Structs:
    """The structs in a field, which is empty where there are none."""
    value = stored.get(field)
    if isinstance(value, np.ndarray) and not value.size:
        return []
    if not isinstance(value, list):
        raise DataError(f"{path}: its anno holds no {field}")
    return value


def _class_of(stored: dict[str, Any], path: Path) -> int:
    number = stored.get("class_ind")
    if not isinstance(number, np.ndarray) or number.size != 1:
        raise DataError(f"{path}: an object has no class_ind")
    return int(np.nan_to_num(number.item()))


def _number(part: Any, path: Path) -> int:
    if not isinstance(part, str) or part not in _NUMBERS:
        raise DataError(f"{path}: people have no part {part!r:.40}")
    return _NUMBERS[part]
