"""The feature pyramid network."""

from __future__ import annotations

from torch import Tensor, nn

from models.layers import Activation, Block, ConvNorm, ModulePart
from models.necks.levels import top_down


class FPN(ModulePart):
    """FPN (Lin et al., CVPR 2017): adds each coarser level to the next finer one, then a 3×3
    conv-BN-act on every level."""

    def __init__(self, channels: int, levels: int, activation: Activation, block: Block, **options):
        super().__init__(**options)
        self.out = nn.ModuleList(
            ConvNorm(channels, channels, 3, activation=activation) for _ in range(levels)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [out(x) for out, x in zip(self.out, top_down(maps), strict=True)]
