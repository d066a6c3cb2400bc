"""EfficientDet (Tan et al., CVPR 2020) for detection."""

from __future__ import annotations

from functools import partial

from torch import nn

from models.architecture import PyramidArchitecture
from models.heads.boxes import BoxesHead
from models.layers import DSConv, depthwise, initialise
from models.necks import NECKS
from models.necks.pyramid import Pyramid
from models.network import Network
from tasks.base import BoxHead

LAYERS = 4
"""How many layers of the neck follow one another."""
EXTRA = 2
"""Levels that are coarser than the backbone's."""
DEPTH = 3
"""Convolutions of a head on each level."""


class EfficientDet(PyramidArchitecture):
    """A feature pyramid of five levels, and depthwise-separable heads for boxes (Tan et al. 2020);
    with 88 channels as EfficientDet-D1."""

    def network(self, make_backbone, heads):
        self.require(BoxHead, heads)
        backbone = make_backbone(None)
        backbone.check_strides("EfficientDet", (8, 16, 32))
        channels = self.channels or 88
        pyramid = Pyramid(
            backbone.channels,
            backbone.strides,
            channels=channels,
            layer=self.neck or NECKS.choose("bifpn"),
            depth=LAYERS,
            layer_activation=nn.SiLU,
            activation=None,
            extra=EXTRA,
        )
        tower = partial(_tower, channels)
        tasks = {task: BoxesHead(tower, pyramid.strides, head) for task, head in heads.items()}
        initialise(pyramid, *tasks.values())
        for head in tasks.values():
            head.start()
        # The levels are the end of what is shared: no single layer is the last one.
        return Network(backbone, pyramid, tasks, last_shared=[])


def _tower(channels: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    mix = nn.Sequential(*(DSConv(channels, channels, nn.SiLU) for _ in range(DEPTH - 1)))
    return mix, nn.Sequential(depthwise(channels), nn.Conv2d(channels, outputs, 1))
