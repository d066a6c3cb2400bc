"""The feature pyramid network."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from models.layers import Activation
from models.necks.levels import top_down


class FPN(nn.Module):
    """Adds each coarser level to the next finer one, then a 3×3 conv-BN-act on every level (Lin et
    al. 2017). A layer takes `levels` maps of `channels` channels, finest first, and returns such.
    """

    def __init__(self, channels: int, levels: int, activation: Activation):
        super().__init__()
        self.out = nn.ModuleList(
            Conv2dNormActivation(channels, channels, 3, activation_layer=activation)
            for _ in range(levels)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [out(x) for out, x in zip(self.out, top_down(maps), strict=True)]
