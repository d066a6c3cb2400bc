"""EfficientDet, a network for detection alone."""

from __future__ import annotations

from torch import nn

from models.architecture import channels_option
from models.heads.boxes import BoxesHead
from models.layers import DSConv, separable
from models.pyramid import PyramidArchitecture, neck_option
from tasks.base import BoxHead


class EfficientDet(PyramidArchitecture):
    """EfficientDet (Tan et al., CVPR 2020): a feature pyramid of five levels, and heads of
    depthwise-separable convolutions for boxes. With 88 channels it is EfficientDet-D1."""

    channels: int | None = channels_option(88)
    neck: str | None = neck_option("bifpn")

    depth = 4
    extra_levels = 2
    activation = nn.SiLU
    transition_activation = None

    def network(self, make_backbone, heads):
        self.require(BoxHead, heads)
        return super().network(make_backbone, heads)

    def decoder(self, task, head, channels, strides):
        self.require(BoxHead, {task: head})
        return super().decoder(task, head, channels, strides)

    def head(self, head, strides):
        return BoxesHead(self._box_layers, strides, head)

    def _box_layers(self, outputs: int) -> tuple[nn.Module, nn.Module]:
        c = self.channels
        mix = nn.Sequential(DSConv(c, c, nn.SiLU), DSConv(c, c, nn.SiLU))
        return mix, separable(c, outputs)
