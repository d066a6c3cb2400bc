"""DeepLab for one or many dense tasks."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from models.architecture import MOST_CHANNELS, Architecture, channels_option
from models.heads.dense import DeepLabHead
from models.necks.aspp import DeepLabNeck
from models.network import Network
from tasks.base import DenseHead
from utils.option import option

RATES = (6, 12, 18)
"""The dilations of the ASPP; twice as much where the map that it reads has a stride of 8."""

ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6}


class DeepLab(Architecture):
    """DeepLabV3 (Chen et al., arXiv:1706.05587), or with `skip_connection` above 0 DeepLabV3+ (Chen
    et al., ECCV 2018), with one ASPP for all tasks or one a task."""

    channels: int | None = channels_option(256)
    output_stride: int = option(16, "of the last features in DeepLab", choices=(8, 16, 32))
    skip_connection: int = option(
        0,
        "channels of DeepLabV3+'s skip connection; 0: none, DeepLabV3",
        at_least=0,
        largest=MOST_CHANNELS,
        spellings={"true": "48"},
    )
    shared_head: bool = option(True, "one ASPP for all tasks in DeepLab")
    activation: str = option(
        "relu",
        "of DeepLab's ASPP, and of the skip convolution where each task has an ASPP: relu, as in "
        "the paper, or relu6, as in the official code",
        choices=tuple(ACTIVATIONS),
        official="relu6",
    )

    def network(self, make_backbone, heads):
        self.require(DenseHead, heads)
        backbone = make_backbone(self.output_stride)
        rates = tuple(2 * rate if self.output_stride == 8 else rate for rate in RATES)
        activation = ACTIVATIONS[self.activation]
        neck = partial(
            DeepLabNeck,
            backbone.channels,
            self.channels,
            rates,
            skip=self.skip_connection,
            activation=activation,
            # The official code has ReLU here where one ASPP serves all tasks.
            skip_activation=nn.ReLU if self.shared_head else activation,
        )
        make_head = partial(DeepLabHead, self.channels + self.skip_connection, self.channels)
        if self.shared_head:
            shared = neck()
            modules = {task: make_head(head) for task, head in heads.items()}
            last = [shared.aspp.output_convolution.weight]
        else:
            shared = Select((0, -1) if self.skip_connection else (-1,))
            modules = {task: make_head(head, neck()) for task, head in heads.items()}
            last = backbone.last_layer()
        return Network(backbone, shared, modules, last)


class Select(nn.Module):
    """Passes on some of the backbone's features."""

    def __init__(self, indices: tuple[int, ...]):
        super().__init__()
        self.indices = indices

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [features[index] for index in self.indices]
