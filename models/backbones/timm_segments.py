"""Networks of timm cut behind their features, whatever their family: the modules that a network
calls one after another are found by running it without memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models.backbones.call_chain import Call, calls_within, chain, recorded_calls
from models.backbones.segment import Segment
from models.batch_norm import stand_in

_STEM = ""
"""The name of what a transformer does before its first block, which is no module of its own."""


class Layout(NamedTuple):
    """How modules order the numbers that a segment takes and gives as (B, C, height, width)."""

    to_modules: Callable[[Tensor], Tensor]
    from_modules: Callable[[Tensor], Tensor]


_LAYOUTS = {
    "NCHW": Layout(lambda x: x, lambda x: x),
    "NHWC": Layout(lambda x: x.permute(0, 2, 3, 1), lambda x: x.permute(0, 3, 1, 2)),
    # All tokens, also those that are no patch: a map of one column.
    "NLC": Layout(lambda x: x.squeeze(3).transpose(1, 2), lambda x: x.transpose(1, 2).unsqueeze(3)),
}


class Block(NamedTuple):
    """Modules that stay together.

    Attributes:
        names: of the modules in their network, in order.
        layout: of what they give; empty where it is not known.
        shape: of what they give for one image, in this layout.
    """

    names: tuple[str, ...]
    layout: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        return self.shape[0] if self.layout == "NCHW" else self.shape[-1]

    @property
    def grid(self) -> tuple[int, ...]:
        """Height and width of the map, or the number of tokens."""
        return self.shape[1:] if self.layout == "NCHW" else self.shape[:-1]


class NoChain(Exception):
    """A network does not run one stage after another; says where."""


def blocks_of(net: nn.Module, size: tuple[int, int]) -> list[tuple[Block, ...]]:
    """The blocks that a network of timm runs one after another: those of its stem, which may be
    none, then those that end with each of its features.

    Args:
        net: without memory (on the device "meta"), in evaluation mode.
        size: height and width of its images in pixels.

    Raises:
        NoChain: a feature is not what modules give that are called one after another.
    """
    images = torch.empty(2, 3, *size, device="meta")
    with torch.no_grad(), recorded_calls(net) as calls:
        features = net.forward_intermediates(images, intermediates_only=True, output_fmt="NCHW")
    stem, links, constants = _links(net, calls, images)
    is_column = len({info["reduction"] for info in features_of(net)}) == 1
    parts: list[tuple[Block, ...]] = []
    for info, feature in zip(features_of(net), features, strict=True):
        end = next((n for n, call in enumerate(links) if call.name == info["module"]), None)
        if end is None or links[end].output._version != links[end].versions[1]:
            name = info["module"] or "0"
            raise NoChain(f"its feature {name} does not come from one module after another")
        before, stage, links = links[:end], links[end], links[end + 1 :]
        layout = _layout(stage.output, feature, info["module"], is_column)
        blocks = _inner_blocks(calls, stage, constants, is_stage=True)
        if parts:
            blocks = [*before, *blocks]
        else:
            parts.append((*stem, *_described(before, layout)))
        parts.append(_described(blocks, layout))
    return parts


def _links(
    net: nn.Module, calls: Sequence[Call], images: Tensor
) -> tuple[list[Block], list[Call], dict[Any, Tensor]]:
    """What comes before all modules that are called one after another, these calls, and what all of
    them read beside."""
    if not is_transformer(net):
        return [], chain(calls, images, {}), {}
    start = next(number for number, call in enumerate(calls) if call.name == "blocks.0")
    tokens = calls[start].inputs[0]
    constants = {key: x for key, x in calls[start].inputs.items() if key == "rope"}
    stem = Block((_STEM,), "NLC", tuple(tokens.shape[1:]))
    return [stem], chain(calls, tokens, constants, start), constants


def is_transformer(net: nn.Module) -> bool:
    """Whether a network of timm is one of those that add positions to patches, and then run their
    `blocks`, which may read rotary positions beside."""
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer

    return isinstance(net, (Eva, VisionTransformer))


def _inner_blocks(
    calls: Sequence[Call], call: Call, constants: Mapping[Any, Tensor], is_stage: bool = False
) -> list[Call]:
    """The calls of the blocks of a stage, or the one call of what is no sequence of blocks."""
    inner = []
    if is_stage or type(call.module) is nn.Sequential:
        inner = calls_within(calls, call, constants)
    if not inner or all(weight.dim() == 1 for weight in inner[-1].module.parameters()):
        return [call]  # not even a stage ends with a norm or an activation as its last block
    return [block for each in inner for block in _inner_blocks(calls, each, constants)]


def _described(calls: Sequence[Call], layout: str) -> tuple[Block, ...]:
    """The blocks of calls, which have a layout where their outputs have as many dimensions."""
    dimensions = len(layout)
    return tuple(
        Block(
            (call.name,),
            layout if call.output.dim() == dimensions else "",
            tuple(call.output.shape[1:]),
        )
        for call in calls
    )


def _layout(output: Tensor, feature: Tensor, name: str, is_column: bool) -> str:
    """The layout in which a module gave a feature (B, C, height, width).

    Raises:
        NoChain: the feature is something else than what the module gave.
    """
    if output is feature:
        return "NCHW"
    if output.dim() == 4 and output.permute(0, 3, 1, 2).shape == feature.shape:
        return "NHWC"
    if output.dim() == 3 and is_column and output.shape[2] == feature.shape[1]:
        return "NLC"
    raise NoChain(f"its feature is not what {name} gives")


def features_of(net: nn.Module) -> list[dict[str, Any]]:
    """Of each feature of a network of timm, finest first: its channels (`num_chs`), stride
    (`reduction`) and the `module` that gives it."""
    return getattr(net.feature_info, "info", net.feature_info)


class TimmSegment(Segment):
    """A segment of a network of timm. What it takes and gives is (B, C, height, width); tokens are
    (B, C, tokens, 1), also those that are no patch.

    Args:
        modules: of each block.
        blocks: what they are.
        layout: of what the first of them reads.
    """

    def __init__(self, modules: Sequence[nn.Module], blocks: Sequence[Block], layout: str):
        super().__init__(_Modules(modules, _LAYOUTS[layout], _LAYOUTS[blocks[-1].layout]))
        self.blocks, self.layout = tuple(blocks), layout

    @property
    def channels(self):
        return self.blocks[-1].channels

    def split(self):
        *before, last = self.blocks
        if not before or not before[-1].layout or before[-1].grid != last.grid:
            return None
        *modules, of_last = self.stages
        return (
            TimmSegment(modules, before, self.layout),
            TimmSegment([of_last], [last], before[-1].layout),
        )


def segments_of(
    net: nn.Module, parts: Sequence[Sequence[Block]], grid: tuple[int, int]
) -> list[TimmSegment]:
    """The segments of a network of timm, which share its modules.

    Args:
        parts: the blocks of each.
        grid: the rows and columns of the patches of a transformer.
    """
    segments, layout = [], "NCHW"
    for blocks in parts:
        modules = [_module(net, block.names, grid) for block in blocks]
        segments.append(TimmSegment(modules, blocks, layout))
        layout = blocks[-1].layout
    return segments


def _module(net: nn.Module, names: Sequence[str], grid: tuple[int, int]) -> nn.Module:
    """What runs the modules of these names."""
    modules = []
    for name in names:
        module = _Stem(net) if name == _STEM else net.get_submodule(name)
        rope = getattr(net, "rope", None) if name.startswith("blocks.") else None
        modules.append(module if rope is None else _Rotated(module, rope, grid))
    return modules[0] if len(modules) == 1 else nn.Sequential(*modules)


class _Modules(nn.Sequential):
    """Modules that read and give maps in a layout of theirs."""

    def __init__(self, modules: Sequence[nn.Module], reads: Layout, gives: Layout):
        super().__init__(*modules)
        self.reads, self.gives = reads, gives

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 0:
            return self._run(x)
        # As in a whole network of timm. What stands in hangs on to the graph of no images: the
        # backward pass goes on through the segment before, where other processes wait.
        with stand_in(self):
            return self._run(torch.cat([x, x.new_zeros(1, *x.shape[1:])]))[:0]

    def _run(self, x: Tensor) -> Tensor:
        return self.gives.from_modules(super().forward(self.reads.to_modules(x)))


class _Stem(nn.Module):
    """What a transformer does before its first block: the transformer without its blocks."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = copy.copy(net)
        self.net._modules = {**net._modules, "blocks": nn.Sequential(), "norm": nn.Identity()}

    def forward(self, images: Tensor) -> Tensor:
        return self.net.forward_features(images)


class _Rotated(nn.Module):
    """A block that reads rotary positions beside its tokens."""

    def __init__(self, block: nn.Module, rope: nn.Module, grid: tuple[int, int]):
        super().__init__()
        self.block, self.rope, self.grid = block, rope, grid

    def forward(self, tokens: Tensor) -> Tensor:
        return self.block(tokens, rope=self.rope.get_embed(shape=self.grid))
