"""From a backbone's features to the levels of a feature pyramid."""

from __future__ import annotations

from torch import Tensor, nn

from models.layers import Activation, ConvNorm
from models.necks.levels import coarser
from utils.part import Choice


class Pyramid(nn.Module):
    """Brings all features to the same number of channels by a 1×1 conv-BN-act each, adds coarser
    levels, and mixes the levels in one or more layers.

    Args:
        inputs: channels of each feature of the backbone.
        strides: their strides, each twice the one before.
        channels: channels of every level.
        layer: the layer that mixes the levels.
        depth: how many layers.
        layer_activation: of the layers.
        activation: of the 1×1 convolutions.
        extra: how many levels to add: a 1×1 conv-BN-act of the last feature and a 3×3 max-pooling
            of stride 2, then such a pooling of the level before.

    Attributes:
        channels: as given.
        strides: of the levels returned.
    """

    def __init__(
        self,
        inputs: tuple[int, ...],
        strides: tuple[int, ...],
        *,
        channels: int,
        layer: Choice,
        depth: int,
        layer_activation: Activation,
        activation: Activation,
        extra: int = 0,
    ):
        super().__init__()
        self.channels = channels
        self.strides = (*strides, *(strides[-1] * 2**n for n in range(1, extra + 1)))
        sources = inputs + inputs[-1:] * min(extra, 1)
        self.transitions = nn.ModuleList(
            ConvNorm(source, channels, 1, activation=activation) for source in sources
        )
        self.layers = nn.Sequential(
            *(layer.build(channels, len(self.strides), layer_activation) for _ in range(depth))
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        maps = [convolve(x) for convolve, x in zip(self.transitions, features, strict=False)]
        if len(self.transitions) > len(features):
            maps.append(coarser(self.transitions[-1](features[-1])))
        while len(maps) < len(self.strides):
            maps.append(coarser(maps[-1]))
        return self.layers(maps)
