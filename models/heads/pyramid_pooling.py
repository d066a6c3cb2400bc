"""The decoder of PSPNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), ConvNorm(inputs, channels, 1))
            for bins in BINS
        )
        self.mix = ConvNorm(inputs + len(BINS) * channels, channels, 3)
        self.predict = nn.Conv2d(channels, head.channels, 1)

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        x = maps[-1]
        cells = (x.shape[-2], x.shape[-1])
        pooled = [upsample(branch(x), cells) for branch in self.branches]
        return self.to_image(self.mix(torch.cat([x, *pooled], dim=1)), size)
