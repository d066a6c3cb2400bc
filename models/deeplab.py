"""DeepLab for one or many dense tasks."""

from __future__ import annotations

from torch import Tensor, nn

from models.architecture import MOST_CHANNELS, Architecture, Decoder, channels_option
from models.heads.dense import DeepLabHead
from models.layers import Activation
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

    @property
    def backbone_stride(self):
        return self.output_stride

    def network(self, make_backbone, heads):
        self.require(DenseHead, heads)
        backbone = make_backbone(self.backbone_stride)
        if self.shared_head:
            # The official code has ReLU here where one ASPP serves all tasks.
            shared = self._neck(backbone.channels, nn.ReLU)
            modules = {task: self._head(head) for task, head in heads.items()}
            last = [shared.aspp.output_convolution.weight]
        else:
            shared = Select((0, -1) if self.skip_connection else (-1,))
            modules = {
                task: self._head(head, self._neck(backbone.channels))
                for task, head in heads.items()
            }
            last = backbone.last_layer()
        return Network(backbone, shared, modules, last)

    def decoder(self, task, head, channels, strides):
        self.require(DenseHead, {task: head})
        return Decoder(self._neck(channels), self._head(head))

    def _neck(self, inputs: tuple[int, ...], skip_activation: Activation = None) -> DeepLabNeck:
        activation = ACTIVATIONS[self.activation]
        return DeepLabNeck(
            inputs,
            self.channels,
            tuple(2 * rate if self.output_stride == 8 else rate for rate in RATES),
            skip=self.skip_connection,
            activation=activation,
            skip_activation=skip_activation or activation,
        )

    def _head(self, head: DenseHead, neck: DeepLabNeck | None = None) -> DeepLabHead:
        return DeepLabHead(self.channels + self.skip_connection, self.channels, head, neck)


class Select(nn.Module):
    """Passes on some of the backbone's features."""

    def __init__(self, indices: tuple[int, ...]):
        super().__init__()
        self.indices = indices

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [features[index] for index in self.indices]
