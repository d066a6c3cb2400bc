"""EfficientDet's bidirectional feature pyramid."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers import Activation, DSConv
from models.necks.base import PyramidLayer
from models.necks.levels import coarser, finer

EPSILON = 1e-4


class BiFPN(PyramidLayer):
    """Levels are mixed from the top down, then from the bottom up; every mix is a mean with learned
    weights, followed by a DSConv (Tan et al. 2020, section 3.3: fast normalised fusion).
    """

    def __init__(self, channels: int, levels: int, activation: Activation, **options):
        super().__init__(channels, levels, activation, **options)
        steps = levels - 1
        self.up = nn.ModuleList(DSConv(channels, channels, activation) for _ in range(steps))
        self.down = nn.ModuleList(DSConv(channels, channels, activation) for _ in range(steps))
        # A row for each level but the coarsest: the level, and what comes from above.
        self.up_weights = nn.Parameter(torch.ones(steps, 2))
        # A row for each level but the finest: the level, what was mixed on the way down, and what
        # comes from below. Nothing was mixed at the coarsest level: its weight stays zero.
        self.down_weights = nn.Parameter(torch.ones(steps, 3))
        with torch.no_grad():
            self.down_weights[-1, 1] = 0

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        up, down = _shares(self.up_weights), _shares(self.down_weights)
        mixed = [maps[-1]]
        for level in reversed(range(len(maps) - 1)):
            x = maps[level]
            x = up[level, 0] * x + up[level, 1] * finer(mixed[0], like=x)
            mixed.insert(0, self.up[level](x))
        out = [mixed[0]]
        for row, convolve in enumerate(self.down):
            level = row + 1
            x = down[row, 0] * maps[level] + down[row, 2] * coarser(out[-1])
            if level < len(maps) - 1:
                x = x + down[row, 1] * mixed[level]
            out.append(convolve(x))
        return out


def _shares(weights: Tensor) -> Tensor:
    """The weights of each row, none below zero, as shares of their sum."""
    positive = weights.relu()
    return positive / (positive.sum(dim=1, keepdim=True) + EPSILON)
