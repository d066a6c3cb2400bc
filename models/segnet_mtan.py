"""SegNet with MTAN's attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture
from models.attention import Attention
from models.branched import BranchedNetwork
from models.heads.dense import MapHead
from models.layers import ConvNorm
from tasks.base import DenseHead

WIDTHS = (64, 128, 256, 512, 512)
"""The channels of the stages."""
FINER = (64, 64, 128, 256, 512)
"""The channels of the stages of the decoder."""
DEPTHS = (2, 2, 3, 3, 3)
"""The convolutions of the stages."""


class SegNetMTAN(Architecture):
    """SegNet (Badrinarayanan et al., TPAMI 2017), from which each task picks by attention, stage
    for stage (MTAN, Liu et al., CVPR 2019, section 3): it has an encoder of its own."""

    has_own_encoder = True

    def network(self, make_backbone, heads):
        self.require(DenseHead, heads)
        backbone = make_backbone(None)
        backbone.require_multiple(SegNet.strides[-1])
        branches = {task: Branch(head) for task, head in heads.items()}
        return SegNetMTANNetwork(backbone, SegNet(), branches, last_shared=[])


class SegNetMTANNetwork(BranchedNetwork):
    """The neck is the SegNet with the convolutions between the attentions, which all tasks share; a
    task has attentions and a head."""

    no_features = (
        "the tasks of SegNet_MTAN read every stage of the shared network and share layers behind "
        "their attentions, so that no maps hold all that they share"
    )

    def initialise(self):
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def shared_maps(self, images):
        return self.neck(images)

    def branch(self, task, maps, images):
        net, branch = self.neck, self.heads[task]
        stages = list(zip(maps[::2], maps[1::2], strict=True))
        x = None
        for n, (first, last) in enumerate(stages[: len(WIDTHS)]):
            seen = first if x is None else torch.cat([first, x], dim=1)
            x = net.encoder_transitions[n](branch.encoder_attentions[n](seen) * last)
            x = F.max_pool2d(x, 2)
        for n, (unpooled, last) in enumerate(stages[len(WIDTHS) :]):
            x = net.decoder_transitions[n](_doubled(x))
            x = branch.decoder_attentions[n](torch.cat([unpooled, x], dim=1)) * last
        return branch.head(x, (images.shape[-2], images.shape[-1]))


class SegNet(nn.Module):
    """The encoder and the decoder, and the 3×3 convolutions that a task's map passes between its
    attentions."""

    strides = tuple(2**n for n in range(1, len(WIDTHS) + 1))

    def __init__(self):
        super().__init__()
        up = list(zip(WIDTHS, FINER, DEPTHS, strict=True))[::-1]
        down = zip((3, *WIDTHS), WIDTHS, DEPTHS, strict=False)
        self.encoder = nn.ModuleList(Stage(*shape) for shape in down)
        self.decoder = nn.ModuleList(Stage(*shape) for shape in up)
        pairs = zip(WIDTHS, (*WIDTHS[1:], WIDTHS[-1]), strict=True)
        self.encoder_transitions = nn.ModuleList(_convolution(*pair) for pair in pairs)
        self.decoder_transitions = nn.ModuleList(_convolution(*shape[:2]) for shape in up)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to two maps a stage: in the encoder, behind its first and its last
        convolution; in the decoder, the unpooled one and the last."""
        maps: list[Tensor] = []
        places: list[Tensor] = []
        for stage in self.encoder:
            first, last = stage(x)
            maps += [first, last]
            x, indices = F.max_pool2d(last, 2, return_indices=True)
            places.append(indices)
        for stage in self.decoder:
            unpooled = F.max_unpool2d(x, places.pop(), 2)
            _, x = stage(unpooled)
            maps += [unpooled, x]
        return maps


class Stage(nn.Module):
    """3×3 convolutions, the first of which sets the width."""

    def __init__(self, inputs: int, width: int, depth: int):
        super().__init__()
        self.first = _convolution(inputs, width)
        self.rest = nn.Sequential(*(_convolution(width, width) for _ in range(depth - 1)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = self.first(x)
        return first, self.rest(first)


class Branch(nn.Module):
    """What a task has of its own."""

    def __init__(self, head: DenseHead):
        super().__init__()
        # From the second stage on an attention looks at the task's map as well.
        seen = (WIDTHS[0], *(2 * width for width in WIDTHS[1:]))
        self.encoder_attentions = nn.ModuleList(
            Attention(inputs, width, width, bias=True)
            for inputs, width in zip(seen, WIDTHS, strict=True)
        )
        self.decoder_attentions = nn.ModuleList(
            Attention(inputs + width, width, width, bias=True)
            for inputs, width in list(zip(WIDTHS, FINER, strict=True))[::-1]
        )
        self.head = ConvolutionHead(WIDTHS[0], head)

    def start(self) -> None:
        self.head.start()


class ConvolutionHead(MapHead):
    """A 3×3 and a 1×1 convolution with nothing in between."""

    def __init__(self, channels: int, head: DenseHead):
        super().__init__(head)
        self.mix = nn.Conv2d(channels, channels, 3, padding=1)
        self.predict = nn.Conv2d(channels, head.channels, 1)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return self.to_image(self.mix(x), size)


def _convolution(inputs: int, outputs: int) -> ConvNorm:
    return ConvNorm(inputs, outputs, 3, bias=True)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
