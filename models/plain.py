"""The plain architecture: a backbone and a linear head a task."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.architecture import Architecture, Decoder
from models.heads.dense import LinearHead
from models.layers import upsample
from models.network import Network
from tasks.base import DenseHead


class Plain(Architecture):
    """A backbone and a 1×1 convolution a task (Jeong and Yoon, ICLR 2025), for transformers, whose
    features need no neck: the network of Selective Task Group Updates."""

    def network(self, make_backbone, heads):
        self.require(DenseHead, heads)
        backbone = make_backbone(None)
        modules = {task: LinearHead(sum(backbone.channels), head) for task, head in heads.items()}
        # Several layers of the backbone are concatenated: none is the last.
        return Network(backbone, Concatenate(), modules, last_shared=[])

    def decoder(self, task, head, channels, strides):
        self.require(DenseHead, {task: head})
        return Decoder(Concatenate(), LinearHead(sum(channels), head))


class Concatenate(nn.Module):
    """Joins all features to one map of the size of the finest."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        size = features[0].shape[-2:]
        return [torch.cat([upsample(x, size) for x in features], dim=1)]
