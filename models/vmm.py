"""VMM, the vision multi-task model for detection with dense tasks (Yun & Cho 2023)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from models.backbones.base import Backbone
from models.heads.boxes import BoxesHead
from models.heads.dense import PyramidHead
from models.layers import MBConv, initialise
from models.necks import neck_layer
from models.necks.pyramid import Pyramid
from models.network import Network
from tasks.base import BoxHead, DenseHead

LAYERS = 2
"""How many layers of the neck follow one another."""


def vmm(
    make_backbone: Callable[[int | None], Backbone],
    heads: Mapping[str, DenseHead | BoxHead],
    *,
    channels: int = 64,
    neck: str = "triv2-bifpn",
) -> Network:
    """VMM: a feature pyramid of three levels, and light heads.

    Args:
        make_backbone: gives the backbone; its features must have strides 8, 16 and 32.
        heads: what each task predicts.
        channels: of every level.
        neck: the name of the layer that mixes the levels.
    """
    layer = partial(neck_layer(neck), activation=nn.ReLU6)
    backbone = make_backbone(None)
    backbone.check_strides("VMM", (8, 16, 32))
    pyramid = Pyramid(
        backbone.channels,
        backbone.strides,
        channels=channels,
        layer=layer,
        depth=LAYERS,
        activation=nn.ReLU6,
    )
    tasks = {task: _head(head, pyramid) for task, head in heads.items()}
    initialise(pyramid, *tasks.values())
    for head in tasks.values():
        head.start()
    # The levels are the end of what is shared: no single layer is the last one.
    return Network(backbone, pyramid, tasks, last_shared=[])


def _head(head: DenseHead | BoxHead, pyramid: Pyramid) -> nn.Module:
    if isinstance(head, DenseHead):
        return PyramidHead(pyramid.channels, len(pyramid.strides), head)

    def tower(outputs: int) -> tuple[nn.Module, nn.Module]:
        return nn.Identity(), MBConv(pyramid.channels, outputs, nn.ReLU6)

    return BoxesHead(tower, pyramid.strides, head)
