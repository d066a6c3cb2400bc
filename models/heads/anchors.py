"""The anchors of SSD (Liu et al., ECCV 2016): the boxes that the predicted offsets start from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

RATIOS = (1.0, 2.0, 0.5)
"""Width by height of a cell's anchors, in the order in which a head predicts them."""


def anchors(
    size: tuple[int, int], cells: Sequence[tuple[int, int]], strides: Sequence[int]
) -> Tensor:
    """The anchors of an image: three a cell, of an area of (4·stride)² pixels, whatever the size of
    the image. The square one is 32, 64 and 128 pixels wide at the strides 8, 16 and 32.

    All of it is computed by PyTorch, so that in an exported network it follows the size.

    Args:
        size: height and width of the image in pixels.
        cells: the number of rows and columns of each level, finest first.
        strides: pixels a cell of each level.

    Returns:
        (A, 4) float32 on the CPU: centre x, centre y, width, height, each as a share of the image,
        at most 1. In the order of levels, then rows, columns, `RATIOS`.
    """
    height, width = size
    ratio = torch.tensor(RATIOS, dtype=torch.float64).sqrt()
    levels = []
    for (rows, columns), stride in zip(cells, strides, strict=True):
        x = (torch.arange(columns, dtype=torch.float64) + 0.5) * stride / width
        y = (torch.arange(rows, dtype=torch.float64) + 0.5) * stride / height
        wide, high = 4 * stride * ratio / width, 4 * stride / ratio / height
        parts = torch.broadcast_tensors(x[None, :, None], y[:, None, None], wide, high)
        levels.append(torch.stack(parts, dim=-1).reshape(-1, 4))
    return torch.cat(levels).clamp(max=1).float()
