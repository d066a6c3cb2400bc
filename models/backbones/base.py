"""What a backbone is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import Parameter


class Backbone(nn.Module, ABC):
    """A network without its classifier, that returns a list of feature maps, finest first.

    Attributes:
        channels: the channels of each map.
        strides: how many pixels of the image one cell of each map stands for.
        multiple: the image's height and width must be multiples of this many pixels.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    multiple: int = 1

    @abstractmethod
    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps images (B, 3, H, W) to features [(B, channels, ⌈H / stride⌉, ⌈W / stride⌉), …]."""

    def last_layer(self) -> list[Parameter]:
        """The weight of the last convolution (or linear layer, in a transformer)."""
        return [weight for weight in self.parameters() if weight.dim() > 1][-1:]
