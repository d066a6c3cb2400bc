"""Edges of PASCAL-Context: where one of its classes ends and another begins."""

from __future__ import annotations

import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.base import Format
from datasets.formats.context_classes import read_label_map
from tasks.boundaries.thinning import thin


class ContextEdges(Format):
    """(H, W) uint8: 1 where the class changes, 0 elsewhere.

    A pixel is on an edge where the 4-neighbour Laplacian of the classes' numbers is not 0, the
    image mirrored at its border; what that makes two pixels wide is then thinned to one (Guo and
    Hall, CACM 1989). This is how ASTMT makes edges of these labels (Maninis et al., CVPR 2019).
    """

    label_type = "binary"

    def read(self, label, size):
        classes = fit(read_label_map(label.file), size, label.file)
        return thin(_changes(classes)).view(np.uint8)

    def stored_size(self, label):
        return read_label_map(label.file).shape

    def decided(self, label):
        return {"edges": "of the classes in LabelMap, thinned to one pixel"}


def _changes(classes: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the Laplacian of (H, W) numbers is not 0."""
    padded = np.pad(classes.astype(np.int32), 1, mode="reflect")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return around != 4 * padded[1:-1, 1:-1]
