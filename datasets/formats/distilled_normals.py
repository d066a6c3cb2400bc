"""Normals that a network predicted, as labels: PASCAL-Context's, as ASTMT prepares them (Maninis et
al., CVPR 2019)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.formats.arrays import fit
from datasets.formats.context_classes import read_label_map
from datasets.formats.normal_maps import NormalMap

_INDOORS = (
    3, 4, 6, 9, 10, 11, 13, 15, 17, 18, 22, 23, 29, 30, 33, 34, 36, 37, 38, 39, 41, 43, 46, 49, 50,
    51, 53, 55, 56, 59, 61, 62, 65, 66, 68, 69, 72, 73, 78, 83, 84, 85, 87, 88, 95, 96, 101, 104,
    105, 107, 111, 113, 115, 122, 124, 135, 141, 142, 143, 146, 150, 154, 157, 158, 159, 165, 172,
    174, 181, 183, 184, 191, 193, 195, 197, 199, 202, 213, 215, 216, 219, 220, 223, 225, 228, 230,
    232, 233, 238, 239, 242, 243, 246, 250, 251, 252, 255, 260, 261, 263, 269, 272, 273, 275, 281,
    283, 284, 285, 286, 287, 288, 290, 291, 292, 293, 295, 304, 307, 309, 310, 314, 315, 319, 323,
    329, 330, 331, 336, 342, 345, 349, 350, 351, 352, 355, 357, 368, 370, 371, 374, 379, 380, 383,
    384, 397, 401, 403, 405, 407, 408, 411, 412, 413, 414, 417, 419, 421, 423, 427, 429, 430, 432,
    440, 441, 442, 443, 444, 446, 454, 457,
)  # fmt: skip
"""Those of PASCAL-Context's 459 classes that NYU has too, and its tvmonitor: the network learnt on
NYU, and what it says of others counts nowhere."""
_IS_INDOORS = np.isin(np.arange(2**16), _INDOORS)


class DistilledNormals(NormalMap):
    """Normals in an 8-bit PNG that count on the classes that the network knew, which
    PASCAL-Context's .mat of the classes of all pixels tells."""

    def _vectors(self, stored, label):
        normals = super()._vectors(stored, label)
        normals[~_is_known(label.files[1], normals.shape[:2])] = 0
        return normals


def _is_known(path: Path, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a map of `size`: the pixels of classes that the network knew.

    Raises:
        DataError: the .mat is missing or damaged, or holds no `LabelMap`.
    """
    return fit(_IS_INDOORS[read_label_map(path)].view(np.uint8), size, path).view(bool)
