"""MTAN on a backbone."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import Attention
from models.backbones.segment import Segment
from models.backbones.several import SeveralBackbones
from models.cross_stitch import STAGES
from models.layers import ConvNorm
from models.soft_sharing import Branch, SoftNetwork, SoftSharing
from utils.errors import ConfigError

REDUCTION = 4
"""How much narrower the attentions and the bottlenecks are within."""


class MTAN(SoftSharing):
    """One backbone, from whose last four stages each task picks by attention (MTAN, Liu et al.,
    CVPR 2019, section 3, on a ResNet as on a SegNet: see `SegNet_MTAN`)."""

    def network(self, make_backbone, heads):
        backbone = make_backbone(self.backbone_stride, STAGES)
        stages = [_cut(backbone.name, segment) for segment in backbone.segments()]
        widths = backbone.channels
        firsts = [first.channels for first, _ in stages]
        # From the second stage on an attention looks at the task's map as well.
        seen = [firsts[0], *(a + b for a, b in zip(firsts[1:], widths[1:], strict=True))]
        branches = {
            task: Branch(
                decoder,
                attentions=nn.ModuleList(
                    Attention(inputs, max(1, width // REDUCTION), width)
                    for inputs, width in zip(seen, widths, strict=True)
                ),
            )
            for task, decoder in self.decoders(backbone, heads).items()
        }
        shared = {str(number): nn.ModuleList(parts) for number, parts in enumerate(stages)}
        transitions = nn.ModuleList(Bottleneck(*pair) for pair in itertools.pairwise(widths))
        return MTANNetwork(
            SeveralBackbones([backbone], shared), transitions, branches, last_shared=[]
        )


class MTANNetwork(SoftNetwork):
    """The neck holds the bottlenecks between the attentions, which all tasks share."""

    no_features = (
        "the tasks of MTAN read every stage of the shared backbone and share layers behind their "
        "attentions, so that no maps hold all that they share"
    )

    def shared_maps(self, images):
        maps, x = [], images
        for before, last in self.backbone.shared.values():
            first = before(x)
            x = last(first)
            maps += [self.backbone.map_of(first), self.backbone.map_of(x)]
        return maps

    def task_features(self, task, maps, images):
        features: list[Tensor] = []
        stages = zip(maps[::2], maps[1::2], self.heads[task].attentions, strict=True)
        for number, (first, last, attention) in enumerate(stages):
            seen = first
            if features:
                x = self.neck[number - 1](features[-1])
                if x.shape[-2:] != first.shape[-2:]:
                    x = F.max_pool2d(x, 2, ceil_mode=True)
                seen = torch.cat([first, x], dim=1)
            features.append(attention(seen) * last)
        return features


class Bottleneck(nn.Module):
    """The residual block of ResNet-50 (He et al., CVPR 2016, figure 5) to another width."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        hidden = max(1, outputs // REDUCTION)
        self.block = nn.Sequential(
            ConvNorm(inputs, hidden, 1),
            ConvNorm(hidden, hidden, 3),
            ConvNorm(hidden, outputs, 1, activation=None),
        )
        self.shortcut = ConvNorm(inputs, outputs, 1, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        return (self.block(x) + self.shortcut(x)).relu()


def _cut(backbone: str, segment: Segment) -> tuple[Segment, Segment]:
    """A stage without its last block, and that block.

    Raises:
        ConfigError: there is no block that the last one keeps the size of.
    """
    parts = segment.split()
    if parts is None:
        raise ConfigError(
            f"backbone {backbone} has a stage of a single block, where arch MTAN needs the one "
            "before the last; take another, such as resnet50",
            "backbone",
        )
    return parts
