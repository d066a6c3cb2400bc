"""The bidirectional feature pyramid of VMM."""

from __future__ import annotations

from torch import Tensor, nn

from models.layers import Activation, Block, ModulePart
from models.necks.levels import top_down


class TriV2BiFPN(ModulePart):
    """The pyramid of VMM (Yun and Cho, ICCV 2023): adds each coarser level to the next finer one,
    from the top down; then, from the bottom up, each finer level to the next coarser one through a
    block of stride 2."""

    def __init__(self, channels: int, levels: int, activation: Activation, block: Block, **options):
        super().__init__(**options)
        self.down = nn.ModuleList(
            block(channels, channels, activation, stride=2) for _ in range(levels - 1)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        finest, *merged = top_down(maps)
        out = [finest]
        for x, down in zip(merged, self.down, strict=True):
            out.append(x + down(out[-1]))
        return out
