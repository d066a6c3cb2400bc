"""The bidirectional feature pyramid of EfficientDet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers import Activation, Block, DSConv, ModulePart
from models.necks.levels import coarser, finer

EPSILON = 1e-4


class BiFPN(ModulePart):
    """BiFPN (Tan et al., CVPR 2020): mixes levels from the top down, then from the bottom up. Each
    mix is a mean with learned weights (fast normalised fusion, section 3.3), the activation, and a
    DSConv without one, as in EfficientDet's reference (github.com/google/automl)."""

    version = 2

    def __init__(self, channels: int, levels: int, activation: Activation, block: Block, **options):
        super().__init__(**options)
        steps = levels - 1
        self.activation = activation(inplace=True)
        self.up = nn.ModuleList(DSConv(channels, channels, None) for _ in range(steps))
        self.down = nn.ModuleList(DSConv(channels, channels, None) for _ in range(steps))
        # A row for each level but the coarsest: the level, and the next coarser one.
        self.up_weights = nn.Parameter(torch.ones(steps, 2))
        # A row for each level but the finest: the level, its mix on the way down, and the next
        # finer one. The coarsest level has no mix on the way down: its weight stays zero.
        self.down_weights = nn.Parameter(torch.ones(steps, 3))
        with torch.no_grad():
            self.down_weights[-1, 1] = 0

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        up, down = _shares(self.up_weights), _shares(self.down_weights)
        mixed = [maps[-1]]
        for level in reversed(range(len(maps) - 1)):
            x = maps[level]
            x = up[level, 0] * x + up[level, 1] * finer(mixed[0], like=x)
            mixed.insert(0, self.up[level](self.activation(x)))
        out = [mixed[0]]
        for row, convolve in enumerate(self.down):
            level = row + 1
            x = down[row, 0] * maps[level] + down[row, 2] * coarser(out[-1])
            if level < len(maps) - 1:
                x = x + down[row, 1] * mixed[level]
            out.append(convolve(self.activation(x)))
        return out


def _shares(weights: Tensor) -> Tensor:
    """The weights of each row as shares of their sum; negative ones count as zero."""
    positive = weights.relu()
    return positive / (positive.sum(dim=1, keepdim=True) + EPSILON)
