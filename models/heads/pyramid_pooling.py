"""The decoder of PSPNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.heads.dense import MapHead
from models.layers import ConvNorm, upsample
from tasks.base import DenseHead

BINS = (1, 2, 3, 6)
"""The sides of the grids that a map is averaged to."""


class PyramidPoolingHead(MapHead):
    """Averages a map over grids of 1, 2, 3 and 6 cells a side, each followed by a 1×1 conv-BN-ReLU
    and resized to the map; joins them to the map; then a 3×3 conv-BN-ReLU and a 1×1 convolution
    (PSPNet, Zhao et al., CVPR 2017, figure 3).

    Args:
        inputs: channels of the map that the head reads.
        channels: channels of each branch and of the 3×3 convolution.
        head: what is predicted.
        enlarge: how the prediction comes to the size of the image.
    """

    def __init__(self, inputs: int, channels: int, head: DenseHead, enlarge: str):
        super().__init__(head, enlarge)
        self.branches = nn.ModuleList(
            nn.Sequential(GridAverage(bins), ConvNorm(inputs, channels, 1)) for bins in BINS
        )
        self.mix = ConvNorm(inputs + len(BINS) * channels, channels, 3)
        self.predict = nn.Conv2d(channels, head.channels, 1)

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        x = maps[-1]
        cells = (x.shape[-2], x.shape[-1])
        pooled = [upsample(branch(x), cells) for branch in self.branches]
        return self.to_image(self.mix(torch.cat([x, *pooled], dim=1)), size)


class GridAverage(nn.Module):
    """Averages a map (B, C, h, w) over the cells of a grid, to (B, C, bins, bins). Cells that do
    not end on whole pixels overlap, as in `torch.nn.AdaptiveAvgPool2d`.

    ONNX has no such pooling, but for one size of map: in an export it is the product with a matrix
    for each side.
    """

    def __init__(self, bins: int):
        super().__init__()
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_exporting():
            return F.adaptive_avg_pool2d(x, self.bins)
        return self._weights(x, -2) @ x @ self._weights(x, -1).T

    def _weights(self, x: Tensor, axis: int) -> Tensor:
        """(bins, length of the axis): what each pixel counts in each cell."""
        length = x.shape[axis]
        pixel = torch.arange(length, device=x.device)
        cell = torch.arange(self.bins, device=x.device)[:, None]
        first = cell * length // self.bins
        end = ((cell + 1) * length + self.bins - 1) // self.bins
        inside = ((pixel >= first) & (pixel < end)).to(x.dtype)
        return inside / inside.sum(1, keepdim=True)
