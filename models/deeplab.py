"""DeepLabV3 (Chen et al. 2017) and DeepLabV3+ (Chen et al. 2018) for one or many dense tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from models.backbones.base import Backbone
from models.heads import dense_only
from models.heads.dense import DeepLabHead
from models.layers import initialise
from models.necks.aspp import DeepLabNeck
from models.network import Network
from tasks.base import BoxHead, DenseHead

RATES = (6, 12, 18)
"""The dilations of the ASPP; twice as much where the map that it reads has a stride of 8."""


def deeplab(
    make_backbone: Callable[[int | None], Backbone],
    heads: Mapping[str, DenseHead | BoxHead],
    *,
    channels: int = 256,
    output_stride: int = 16,
    skip_connection: int = 0,
    shared_head: bool = True,
) -> Network:
    """DeepLab: V3, or V3+ where `skip_connection` > 0.

    Args:
        make_backbone: gives the backbone for an output stride.
        heads: what each task predicts.
        channels: of the ASPP and of the heads.
        output_stride: the stride of the map that the ASPP reads: 8, 16 or 32 (a transformer has
            its own).
        skip_connection: channels of the first feature that join the ASPP's.
        shared_head: one ASPP for all tasks; otherwise one a task.
    """
    dense_only("DeepLab", heads)
    backbone = make_backbone(output_stride)
    rates = tuple(2 * rate if output_stride == 8 else rate for rate in RATES)

    def neck() -> DeepLabNeck:
        return DeepLabNeck(backbone.channels, channels, rates, skip_connection)

    width = channels + skip_connection
    if shared_head:
        shared = neck()
        tasks = {task: DeepLabHead(width, channels, head) for task, head in heads.items()}
        last = [shared.aspp.output_convolution.weight]
    else:
        shared = Select((0, -1) if skip_connection else (-1,))
        tasks = {task: DeepLabHead(width, channels, head, neck()) for task, head in heads.items()}
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
