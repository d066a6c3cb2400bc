"""PSPNet for one or many dense tasks."""

from __future__ import annotations

from models.architecture import Architecture, channels_option
from models.deeplab import Select
from models.heads.pyramid_pooling import PyramidPoolingHead
from models.network import Network
from tasks.base import DenseHead
from utils.option import option

OUTPUT_STRIDE = 8


class PSPNet(Architecture):
    """PSPNet (Zhao et al., CVPR 2017) with a pyramid pooling a task, on the last feature of a
    backbone that is dilated to a stride of 8: the network of Aligned-MTL (Senushkin et al., CVPR
    2023)."""

    channels: int | None = channels_option(512)
    enlarge: str = option(
        "nearest",
        "how PSPNet's predictions come from a stride of 8 to the size of the image: nearest, "
        "bilinear, or none, for labels that are as small",
        choices=("nearest", "bilinear", "none"),
    )

    @property
    def backbone_stride(self):
        return OUTPUT_STRIDE

    @property
    def prediction_stride(self):
        return OUTPUT_STRIDE if self.enlarge == "none" else 1

    def network(self, make_backbone, heads):
        backbone = make_backbone(self.backbone_stride)
        modules = {
            task: self.decoder(task, head, backbone.channels, backbone.strides)
            for task, head in heads.items()
        }
        return Network(backbone, Select((-1,)), modules, backbone.last_stage())

    def decoder(self, task, head, channels, strides):
        self.require(DenseHead, {task: head})
        return PyramidPoolingHead(channels[-1], self.channels, head, self.enlarge)
