"""VMM, the vision multi-task model for detection with dense tasks (Yun and Cho, ICCV 2023)."""

from __future__ import annotations

from torch import nn

from models.architecture import PyramidArchitecture
from models.heads.boxes import BoxesHead
from models.heads.dense import PyramidHead
from models.layers import MBConv, initialise
from models.necks import NECKS
from models.necks.pyramid import Pyramid
from models.network import Network
from tasks.base import BoxHead, DenseHead

LAYERS = 2
"""How many layers of the neck follow one another."""


class VMM(PyramidArchitecture):
    """A feature pyramid of three levels, and light heads for maps and boxes (Yun and Cho 2023)."""

    def network(self, make_backbone, heads):
        backbone = make_backbone(None)
        backbone.check_strides("VMM", (8, 16, 32))
        pyramid = Pyramid(
            backbone.channels,
            backbone.strides,
            channels=self.channels or 64,
            layer=self.neck or NECKS.choose("triv2-bifpn"),
            depth=LAYERS,
            layer_activation=nn.ReLU6,
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
