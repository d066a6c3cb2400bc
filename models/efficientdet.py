"""EfficientDet (Tan et al. 2020) for detection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from models.backbones.base import Backbone
from models.heads.boxes import BoxesHead
from models.layers import DSConv, depthwise, initialise
from models.necks import neck_layer
from models.necks.pyramid import Pyramid
from models.network import Network
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError

LAYERS = 4
"""How many layers of the neck follow one another."""
EXTRA = 2
"""Levels that are coarser than the backbone's."""
DEPTH = 3
"""Convolutions of a head on each level."""


def efficientdet(
    make_backbone: Callable[[int | None], Backbone],
    heads: Mapping[str, DenseHead | BoxHead],
    *,
    channels: int = 88,
    neck: str = "bifpn",
) -> Network:
    """EfficientDet: a feature pyramid of five levels, and depthwise-separable heads.

    Args:
        make_backbone: gives the backbone; its features must have strides 8, 16 and 32.
        heads: what each task predicts: boxes.
        channels: of every level; 88 as in EfficientDet-D1.
        neck: the name of the layer that mixes the levels.
    """
    for task, head in heads.items():
        if not isinstance(head, BoxHead):
            raise ConfigError(
                f"arch EfficientDet has heads for boxes only, not for {task}; VMM has"
            )
    layer = partial(neck_layer(neck), activation=nn.SiLU)
    backbone = make_backbone(None)
    backbone.check_strides("EfficientDet", (8, 16, 32))
    pyramid = Pyramid(
        backbone.channels,
        backbone.strides,
        channels=channels,
        layer=layer,
        depth=LAYERS,
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
