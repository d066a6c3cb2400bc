"""What PASCAL-Context (Mottaghi et al., CVPR 2014) stores of an image: the class of every pixel,
one of 459, as `LabelMap` of a .mat."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.formats.mat_files import read_matrix
from utils.errors import DataError
from utils.files import read_bytes

_MOST_BYTES = 2**22
_MOST_CLASSES = 2**16


def read_label_map(path: Path) -> np.ndarray:
    """(H, W) uint16: the numbers of the classes.

    Raises:
        DataError: the .mat is missing or damaged, or holds no `LabelMap`.
    """
    stored = read_bytes(path, "a .mat", _MOST_BYTES)
    try:
        classes = read_matrix(stored, "LabelMap")
    except ValueError as reason:
        raise DataError(f"{path}: cannot be read as a .mat ({reason})") from None
    if classes is None:
        raise DataError(f"{path}: holds no LabelMap, as PASCAL-Context's do")
    known = (classes >= 0) & (classes < _MOST_CLASSES)  # NaN is neither
    if classes.ndim != 2 or not known.all():
        raise DataError(f"{path}: its LabelMap is no map of numbers of classes")
    return classes.astype(np.uint16, order="C")
