"""DeepLabV3 (Chen et al. 2017) and DeepLabV3+ (Chen et al. 2018) for one or many dense tasks."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from models.architecture import Architecture
from models.heads.dense import DeepLabHead
from models.layers import initialise
from models.necks.aspp import DeepLabNeck
from models.network import Network
from tasks.base import DenseHead
from utils.option import option

RATES = (6, 12, 18)
"""The dilations of the ASPP; twice as much where the map that it reads has a stride of 8."""


class DeepLab(Architecture):
    """DeepLabV3 (Chen et al. 2017), or V3+ (Chen et al. 2018) with `skip_connection` above 0."""

    channels: int | None = option(
        None,
        "channels of what follows the backbone (empty: as in the architecture's paper)",
        aliases=("normal_size",),
        at_least=1,
    )
    output_stride: int = option(16, "of the last features in DeepLab", choices=(8, 16, 32))
    skip_connection: int = option(
        0,
        "channels of DeepLabV3+'s skip connection; 0: none, DeepLabV3",
        at_least=0,
        spellings={"true": "48"},
    )
    shared_head: bool = option(True, "one ASPP for all tasks in DeepLab")

    def network(self, make_backbone, heads):
        self.require(DenseHead, heads)
        backbone = make_backbone(self.output_stride)
        channels, skip = self.channels or 256, self.skip_connection
        rates = tuple(2 * rate if self.output_stride == 8 else rate for rate in RATES)
        neck = partial(DeepLabNeck, backbone.channels, channels, rates, skip)
        make_head = partial(DeepLabHead, channels + skip, channels)
        if self.shared_head:
            shared = neck()
            tasks = {task: make_head(head) for task, head in heads.items()}
            last = [shared.aspp.output_convolution.weight]
        else:
            shared = Select((0, -1) if skip else (-1,))
            tasks = {task: make_head(head, neck()) for task, head in heads.items()}
            last = backbone.last_layer()
        initialise(shared, *tasks.values())
        for head in tasks.values():
            head.start()
        return Network(backbone, shared, tasks, last)


class Select(nn.Module):
    """Those of the backbone's features that the heads read."""

    def __init__(self, indices: tuple[int, ...]):
        super().__init__()
        self.indices = indices

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [features[index] for index in self.indices]
