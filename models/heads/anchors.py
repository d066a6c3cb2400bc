"""The anchors of SSD (Liu et al., ECCV 2016): the boxes that the predicted offsets start from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RATIOS = (1.0, 2.0, 0.5)
"""Width by height of a cell's anchors, in the order in which a head predicts them."""


def anchors(
    size: tuple[int, int], cells: Sequence[tuple[int, int]], strides: Sequence[int]
) -> np.ndarray:
    """The anchors of an image: three a cell, of an area of (4·stride)² pixels, whatever the size of
    the image. The square one is 32, 64 and 128 pixels wide at the strides 8, 16 and 32.

    Args:
        size: height and width of the image in pixels.
        cells: the number of rows and columns of each level, finest first.
        strides: pixels a cell of each level.

    Returns:
        (A, 4) float32: centre x, centre y, width, height, each as a share of the image, at most 1.
        In the order of levels, then rows, columns, `RATIOS`.
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
