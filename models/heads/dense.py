"""Heads that predict a map of numbers for every pixel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers import ConvNorm, DSConv, MBConv, in_float32, start_at, upsample
from models.necks.aspp import DeepLabNeck
from tasks.base import DenseHead

ENLARGE: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "bilinear": upsample,
    "nearest": lambda x, size: F.interpolate(x, size, mode="nearest"),
    "none": lambda x, size: x,
}
"""How a prediction comes to the size (height, width) of the image; none: it stays as small."""


class MapHead(nn.Module):
    """The base of dense heads: the last layer, `predict`, and what follows it.

    Args:
        head: what is predicted.
        enlarge: a name of `ENLARGE`.
    """

    predict: nn.Module

    def __init__(self, head: DenseHead, enlarge: str = "bilinear"):
        super().__init__()
        self.head, self.enlarge = head, enlarge

    def start(self) -> None:
        """Makes the head predict the number that its task starts from."""
        start_at(self.predict, self.head.start)

    def to_image(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Predicts, and resizes the prediction to the image, as `enlarge` says. Where the task
        wants unit vectors, divides each pixel's numbers by their length; a zero stays zero.
        Float32, under autocast too."""
        prediction = ENLARGE[self.enlarge](in_float32(self.predict, x), size)
        return F.normalize(prediction, dim=1, eps=1e-6) if self.head.unit else prediction


class DeepLabHead(MapHead):
    """A 3×3 conv-BN-ReLU and a 1×1 convolution (DeepLabV3, Chen et al. 2017).

    Args:
        inputs: channels of the map that the head reads.
        channels: channels of the 3×3 convolution.
        head: what is predicted.
        neck: the task's own ASPP, where the tasks do not share one.
    """

    def __init__(
        self, inputs: int, channels: int, head: DenseHead, neck: DeepLabNeck | None = None
    ):
        super().__init__(head)
        self.neck = neck
        self.mix = ConvNorm(inputs, channels, 3)
        self.predict = nn.Conv2d(channels, head.channels, 1)

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        if self.neck is not None:
            maps = self.neck(maps)
        return self.to_image(self.mix(maps[-1]), size)


class LinearHead(MapHead):
    """A 1×1 convolution.

    Args:
        inputs: channels of the map that the head reads.
        head: what is predicted.
    """

    def __init__(self, inputs: int, head: DenseHead):
        super().__init__(head)
        self.predict = nn.Conv2d(inputs, head.channels, 1)

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        return self.to_image(maps[-1], size)


class PyramidHead(MapHead):
    """VMM's dense head: all levels at the size of the finest, concatenated, a DSConv, an MBConv.

    Args:
        channels: channels of each level.
        levels: the number of levels.
        head: what is predicted.
    """

    def __init__(self, channels: int, levels: int, head: DenseHead):
        super().__init__(head)
        self.mix = DSConv(levels * channels, channels, nn.ReLU6)
        self.predict = MBConv(channels, head.channels, nn.ReLU6)

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        x = torch.cat([upsample(level, maps[0].shape[-2:]) for level in maps], dim=1)
        return self.to_image(self.mix(x), size)
