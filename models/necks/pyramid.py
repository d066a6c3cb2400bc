"""From a backbone's features to the levels of a feature pyramid."""

from __future__ import annotations

from torch import Tensor, nn

from models.layers import Activation, Block, ConvNorm
from models.necks.levels import coarser
from utils.part import Choice


class Pyramid(nn.Module):
    """Brings all features to one number of channels by a 1×1 conv-BN-act each (the transitions),
    adds coarser levels, and mixes the levels in one or more layers.

    Args:
        inputs: the channels of each feature of the backbone.
        strides: the strides of the features, each twice the one before.
        channels: the channels of every level.
        layer: the layer that mixes the levels, of `models.necks.NECKS`.
        depth: the number of layers.
        activation: that of the layers.
        block: that the layers may be made of.
        transition_activation: follows the transitions.
        extra_levels: the number of coarser levels to add. The first is a transition of the last
            feature and a 3×3 max-pooling of stride 2; each further one such a pooling of the level
            before.

    Attributes:
        strides: the strides of the levels.
    """

    def __init__(
        self,
        inputs: tuple[int, ...],
        strides: tuple[int, ...],
        *,
        channels: int,
        layer: Choice,
        depth: int,
        activation: Activation,
        block: Block,
        transition_activation: Activation,
        extra_levels: int = 0,
    ):
        super().__init__()
        self.strides = (*strides, *(strides[-1] * 2**n for n in range(1, extra_levels + 1)))
        sources = inputs + inputs[-1:] * min(extra_levels, 1)
        self.transitions = nn.ModuleList(
            ConvNorm(source, channels, 1, activation=transition_activation) for source in sources
        )
        self.layers = nn.Sequential(
            *(layer.build(channels, len(self.strides), activation, block) for _ in range(depth))
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        maps = [convolve(x) for convolve, x in zip(self.transitions, features, strict=False)]
        if len(self.transitions) > len(features):
            maps.append(coarser(self.transitions[-1](features[-1])))
        while len(maps) < len(self.strides):
            maps.append(coarser(maps[-1]))
        return self.layers(maps)
