"""A backbone and a 1×1 convolution a task, as Selective Task Group Updates has it (Jeong & Yoon
2025): for transformers, whose features need no neck."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.architecture import Architecture
from models.heads.dense import LinearHead
from models.layers import initialise, upsample
from models.network import Network
from tasks.base import DenseHead


class Plain(Architecture):
    """A backbone and a 1×1 convolution a task (Jeong and Yoon 2025), for transformers."""

    def network(self, make_backbone, heads):
        self.require(DenseHead, heads)
        backbone = make_backbone(None)
        tasks = {task: LinearHead(sum(backbone.channels), head) for task, head in heads.items()}
        initialise(*tasks.values())
        for head in tasks.values():
            head.start()
        # Several layers of the backbone are concatenated: no single one is the last.
        return Network(backbone, Concatenate(), tasks, last_shared=[])


class Concatenate(nn.Module):
    """All features as one map, at the size of the first."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        finest = (features[0].shape[-2], features[0].shape[-1])
        return [torch.cat([upsample(x, finest) for x in features], dim=1)]
