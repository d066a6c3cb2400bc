"""Atrous spatial pyramid pooling, and DeepLab's neck made of it."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from models.layers import Activation, ConvNorm, upsample


class ASPP(nn.Module):
    """Looks at a map at several scales: 1×1, three dilated 3×3 and the mean of the image, joined by
    a 1×1 convolution (DeepLabV3, Chen et al. 2017, figure 5).

    Args:
        inputs: channels of the map.
        channels: channels of each branch, and of the output.
        rates: dilations of the 3×3 convolutions.
        activation: follows every convolution.
    """

    def __init__(self, inputs: int, channels: int, rates: tuple[int, ...], activation: Activation):
        super().__init__()
        convolution = partial(ConvNorm, activation=activation)
        self.branches = nn.ModuleList(
            [
                convolution(inputs, channels, 1),
                *(convolution(inputs, channels, 3, dilation=rate) for rate in rates),
            ]
        )
        self.image = nn.Sequential(nn.AdaptiveAvgPool2d(1), convolution(inputs, channels, 1))
        self.project = nn.Sequential(
            convolution((len(rates) + 2) * channels, channels, 1), nn.Dropout2d(0.1)
        )

    @property
    def output_convolution(self) -> nn.Conv2d:
        return self.project[0][0]

    def forward(self, x: Tensor) -> Tensor:
        maps = [branch(x) for branch in self.branches]
        maps.append(self.image(x).expand_as(maps[0]))
        return self.project(torch.cat(maps, dim=1))


class DeepLabNeck(nn.Module):
    """ASPP of the last feature. With `skip` > 0, the decoder of DeepLabV3+ (Chen et al. 2018,
    figure 2) resizes it to the first feature, and joins `skip` channels of that feature to it.

    Args:
        inputs: channels of each feature of the backbone.
        channels: channels of the ASPP. The neck returns a map of channels + skip.
        rates: dilations of the ASPP.
        skip: channels taken from the first feature; 0 for DeepLabV3.
        activation: that of the ASPP.
        skip_activation: that of the 1×1 convolution of the first feature.
    """

    def __init__(
        self,
        inputs: tuple[int, ...],
        channels: int,
        rates: tuple[int, ...],
        *,
        skip: int,
        activation: Activation,
        skip_activation: Activation,
    ):
        super().__init__()
        self.aspp = ASPP(inputs[-1], channels, rates, activation)
        self.skip = ConvNorm(inputs[0], skip, 1, activation=skip_activation) if skip else None

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x = self.aspp(features[-1])
        if self.skip is not None:
            fine = self.skip(features[0])
            x = torch.cat([upsample(x, fine.shape[-2:]), fine], dim=1)
        return [x]
