"""Architectures in which tasks share softly: each has a decoder of its own on features that it
mixes or picks from what all compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from models.architecture import Architecture
from models.backbones.base import Backbone
from models.backbones.segment import Segment
from models.branched import BranchedNetwork
from models.deeplab import DeepLab
from models.efficientdet import EfficientDet
from models.plain import Plain
from models.pspnet import PSPNet
from models.vmm import VMM
from utils.option import option
from utils.part import Registry

DECODERS = Registry(
    "decoder",
    {
        "DeepLab": DeepLab,
        "VMM": VMM,
        "EfficientDet": EfficientDet,
        "plain": Plain,
        "PSPNet": PSPNet,
    },
)
"""The architectures that a task's own decoder may be that of."""


class SoftSharing(Architecture):
    """The base of these architectures. A subclass builds the network."""

    decoder: str = option(
        "DeepLab",
        "what each task has for itself behind the backbones: the neck and head of DeepLab, VMM, …",
        parts=DECODERS,
    )

    def decoders(self, backbone: Backbone, heads: Mapping) -> dict[str, nn.Module]:
        """The decoder of each task, by name, on the features that a backbone gives by default."""
        chosen = self.decoder.build()
        last = slice(-backbone.levels, None)
        channels, strides = backbone.channels[last], backbone.strides[last]
        return {task: chosen.decoder(task, head, channels, strides) for task, head in heads.items()}

    @property
    def backbone_stride(self):
        return self.decoder.build().backbone_stride

    @property
    def prediction_stride(self):
        return self.decoder.build().prediction_stride


class Branch(nn.Module):
    """What belongs to one task alone: its decoder, and layers before it by name."""

    def __init__(self, decoder: nn.Module, **layers: nn.Module):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.decoder = decoder

    def start(self) -> None:
        self.decoder.start()


class SoftNetwork(BranchedNetwork):
    """The base of their networks: a branch gives features to the task's decoder."""

    def branch(self, task, maps, images):
        features = self.task_features(task, maps, images)[-self.backbone.levels :]
        return self.heads[task].decoder(features, (images.shape[-2], images.shape[-1]))

    def task_features(
        self, task: str, maps: tuple[Tensor, ...], images: Tensor
    ) -> Sequence[Tensor]:
        """Features of a task, from the shared maps and the images. Its decoder reads the last of
        them."""
        raise NotImplementedError

    def compiled_parts(self):
        parts = [m for m in self.modules() if isinstance(m, (Backbone, Segment))]
        return [*parts, *(branch.decoder for branch in self.heads.values())]
