"""SSD's anchors: the boxes that a detector's offsets are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

RATIOS = (1.0, 2.0, 0.5)
"""Width by height of a cell's anchors, in the order in which a head predicts them."""


@lru_cache(maxsize=32)
def anchors(
    size: tuple[int, int], cells: Sequence[tuple[int, int]], strides: Sequence[int]
) -> np.ndarray:
    """The anchors of an image: three a cell, of area (4·stride)² pixels (32, 64, 128 pixels wide at
    strides 8, 16, 32), whatever the size of the image.

    Args:
        size: height and width of the image in pixels.
        cells: rows and columns of each level, finest first.
        strides: pixels a cell of each level.

    Returns:
        (A, 4) float32: centre x, centre y, width, height, each as a share of the image, at most 1.
        In the order of levels, then rows, columns, `RATIOS`. Do not write to it: it is kept.
    """
    levels = []
    for (rows, columns), stride in zip(cells, strides, strict=True):
        y, x, ratio = np.meshgrid(
            (np.arange(rows) + 0.5) * stride,
            (np.arange(columns) + 0.5) * stride,
            np.sqrt(RATIOS),
            indexing="ij",
        )
        boxes = np.stack([x, y, 4 * stride * ratio, 4 * stride / ratio], axis=-1)
        levels.append(boxes.reshape(-1, 4))
    height, width = size
    scaled = np.concatenate(levels) / np.array([width, height, width, height])
    return np.minimum(scaled, 1.0).astype(np.float32)
