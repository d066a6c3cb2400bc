"""Heads that predict a map of numbers for every pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import Conv2dNormActivation

from models.layers import DSConv, MBConv, in_float32, upsample
from models.necks.aspp import DeepLabNeck
from tasks.base import DenseHead


def to_image(layer: nn.Module, x: Tensor, size: tuple[int, int], unit: bool) -> Tensor:
    """Predicts by the last layer, upsamples to the image and, where `unit`, divides each pixel's
    numbers by their length (a zero stays zero). Float32 under autocast as well."""
    prediction = upsample(in_float32(layer, x), size)
    return F.normalize(prediction, dim=1, eps=1e-6) if unit else prediction


class DeepLabHead(nn.Module):
    """3×3 conv-BN-ReLU and a 1×1 convolution (DeepLabV3), behind an ASPP of its own if given.

    Args:
        inputs: channels of the map it reads.
        channels: channels of the 3×3 convolution.
        head: what is predicted.
        neck: what stands before it, where the tasks do not share it.
    """

    def __init__(
        self, inputs: int, channels: int, head: DenseHead, neck: DeepLabNeck | None = None
    ):
        super().__init__()
        self.neck = neck
        self.mix = Conv2dNormActivation(inputs, channels, 3)
        self.predict = nn.Conv2d(channels, head.channels, 1)
        self.unit = head.unit

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        if self.neck is not None:
            maps = self.neck(maps)
        return to_image(self.predict, self.mix(maps[-1]), size, self.unit)


class LinearHead(nn.Module):
    """A 1×1 convolution.

    Args:
        inputs: channels of the map it reads.
        head: what is predicted.
    """

    def __init__(self, inputs: int, head: DenseHead):
        super().__init__()
        self.predict = nn.Conv2d(inputs, head.channels, 1)
        self.unit = head.unit

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        return to_image(self.predict, maps[-1], size, self.unit)


class PyramidHead(nn.Module):
    """VMM's dense head: all levels upsampled to the finest and concatenated, a DSConv, an MBConv.

    Args:
        channels: channels of each level.
        levels: how many.
        head: what is predicted.
    """

    def __init__(self, channels: int, levels: int, head: DenseHead):
        super().__init__()
        self.mix = DSConv(levels * channels, channels, nn.ReLU6)
        self.predict = MBConv(channels, head.channels, nn.ReLU6)
        self.unit = head.unit

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        finest = (maps[0].shape[-2], maps[0].shape[-1])
        x = torch.cat([upsample(level, finest) for level in maps], dim=1)
        return to_image(self.predict, self.mix(x), size, self.unit)
