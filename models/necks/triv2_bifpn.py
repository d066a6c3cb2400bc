"""The bidirectional feature pyramid of VMM, `triv2-bifpn`."""

from __future__ import annotations

from torch import Tensor, nn

from models.layers import Activation, MBConv
from models.necks.base import PyramidLayer
from models.necks.levels import top_down


class TriV2BiFPN(PyramidLayer):
    """Adds each coarser level to the next finer one, from the top down; then, from the bottom up,
    each finer level to the next coarser one through an MBConv of stride 2 (Yun & Cho 2023).
    """

    def __init__(self, channels: int, levels: int, activation: Activation, **options):
        super().__init__(channels, levels, activation, **options)
        self.down = nn.ModuleList(
            MBConv(channels, channels, activation, stride=2) for _ in range(levels - 1)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        finest, *merged = top_down(maps)
        out = [finest]
        for x, down in zip(merged, self.down, strict=True):
            out.append(x + down(out[-1]))
        return out
