"""VMM, the vision multi-task model for detection with dense tasks."""

from __future__ import annotations

from torch import nn

from models.architecture import channels_option
from models.heads.boxes import BoxesHead
from models.heads.dense import PyramidHead
from models.layers import DSConv, MBConv, separable
from models.pyramid import PyramidArchitecture, neck_option
from tasks.base import DenseHead
from utils.option import option


class VMM(PyramidArchitecture):
    """VMM (Yun and Cho, ICCV 2023): a feature pyramid of three levels, and light heads for maps and
    boxes."""

    channels: int | None = channels_option(64)
    neck: str | None = neck_option("triv2-bifpn")
    head_type: str = option(
        "mbconv",
        "blocks of VMM's heads for boxes and of the way up in triv2-bifpn: mbconv, or the lighter "
        "dsconv",
        choices=("mbconv", "dsconv"),
        spellings={"conv": "mbconv"},
        notes={"conv": "VMM has no head_type conv, nor in the official code; mbconv is taken"},
    )

    depth = 2
    activation = transition_activation = nn.ReLU6

    @property
    def block(self):
        return DSConv if self.head_type == "dsconv" else MBConv

    def head(self, head, strides):
        if isinstance(head, DenseHead):
            return PyramidHead(self.channels, len(strides), head)
        return BoxesHead(self._box_layers, strides, head)

    def _box_layers(self, outputs: int) -> tuple[nn.Module, nn.Module]:
        if self.head_type == "dsconv":
            return nn.Identity(), separable(self.channels, outputs)
        return nn.Identity(), MBConv(self.channels, outputs, nn.ReLU6)
