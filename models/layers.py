"""The small blocks that necks and heads are made of, and the base of modules that a cfg chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.batch_norm import BatchNorm
from utils.part import Part
from utils.precision import at_least_float32

Activation = Callable[..., nn.Module] | None

Block = Callable[..., nn.Module]
"""Builds a block from (inputs, outputs, activation, stride): :class:`DSConv`, :class:`MBConv`."""


class ModulePart(Part, nn.Module):
    """A module that a cfg chooses by name, with options of its own."""

    section = "network"

    def __init__(self, **values: Any):
        nn.Module.__init__(self)
        Part.__init__(self, **values)


class ConvNorm(nn.Sequential):
    """A conv-BN-act: a convolution, which keeps the size at stride 1, BatchNorm, and an activation
    (None: no activation). The convolution has no bias, which BatchNorm would take out again; some
    published networks have one all the same."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        dilation: int = 1,
        activation: Activation = nn.ReLU,
        bias: bool = False,
    ):
        padding = (kernel - 1) // 2 * dilation
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias),
            BatchNorm(outputs),
            *([activation(inplace=True)] if activation else []),
        )


def depthwise(channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3×3 convolution of each channel by itself."""
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)


class DSConv(nn.Sequential):
    """A depthwise-separable convolution: 3×3 depthwise, then a 1×1 conv-BN-act."""

    def __init__(self, inputs: int, outputs: int, activation: Activation, stride: int = 1):
        super().__init__(
            depthwise(inputs, stride), ConvNorm(inputs, outputs, 1, activation=activation)
        )


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """A depthwise-separable convolution that ends a head: 3×3 depthwise, then a 1×1 convolution
    with bias, without BatchNorm or activation."""
    return nn.Sequential(depthwise(inputs), nn.Conv2d(inputs, outputs, 1))


class MBConv(nn.Module):
    """The inverted residual of MobileNetV2 (Sandler et al. 2018, figure 4) with expansion 2: 1×1
    conv-BN-act, 3×3 depthwise conv-BN-act, 1×1 conv-BN; the input is added where shapes agree."""

    def __init__(self, inputs: int, outputs: int, activation: Activation, stride: int = 1):
        super().__init__()
        hidden = 2 * inputs
        self.expand = ConvNorm(inputs, hidden, 1, activation=activation)
        self.depthwise = ConvNorm(hidden, hidden, 3, stride, groups=hidden, activation=activation)
        self.project = ConvNorm(hidden, outputs, 1, activation=None)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


def initialise(*modules: nn.Module, but: Iterable[nn.Parameter] = ()) -> None:
    """He initialisation of all convolutions in `modules` (He et al. 2015), biases zero. By fan-in:
    it keeps the size of what passes through, and a layer with few outputs does not start large.
    Those whose parameters are among `but` stay as they are."""
    kept = {id(parameter) for parameter in but}
    for layer in chain.from_iterable(module.modules() for module in modules):
        if isinstance(layer, nn.Conv2d) and id(layer.weight) not in kept:
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def start_at(layer: nn.Module, value: float) -> None:
    """Makes a head start at `value`: sets the last bias of its last layer, which is the bias of a
    convolution, or of the BatchNorm behind it."""
    biases = [bias for name, bias in layer.named_parameters() if name.endswith("bias")]
    nn.init.constant_(biases[-1], value)


def in_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """`layer(x)` in float32, under autocast too; in float64 where the network is. The last layer of
    a head runs so: bfloat16 has 8 significant bits, which are steps of 3 cm at a depth of 5 m."""
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return layer(at_least_float32(x))
    return layer(x)


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """`x` (B, C, h, w) resized bilinearly to `size` (height, width)."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
