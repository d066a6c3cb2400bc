"""From a backbone's features to the levels of a feature pyramid."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

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


class SimplePyramid(nn.Module):
    """Features at half, once and twice the stride of one map, for a plain transformer: a transposed
    convolution of stride 2, the map itself, and max-pooling (ViTDet, Li et al., ECCV 2022, section
    3).

    Args:
        inputs: channels of the map.
        stride: of the map.

    Attributes:
        channels, strides: of the three features, finest first.
    """

    def __init__(self, inputs: int, stride: int):
        super().__init__()
        self.channels = (inputs // 2, inputs, inputs)
        self.strides = (stride // 2, stride, 2 * stride)
        self.finer = nn.ConvTranspose2d(inputs, inputs // 2, 2, stride=2)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x = features[-1]
        return [self.finer(x), x, F.max_pool2d(x, 2, ceil_mode=True)]


class ColumnPyramid(nn.Sequential):
    """A pyramid on features that all have one stride."""

    def __init__(self, simple: SimplePyramid, pyramid: Pyramid):
        super().__init__(simple, pyramid)
        self.strides = pyramid.strides
