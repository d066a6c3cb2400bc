"""What a backbone is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import Parameter

from utils.errors import ConfigError

SMALLEST = 32
"""The least height and width of an image in pixels: one cell at the stride of 32."""


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

    def check_strides(self, arch: str, wanted: tuple[int, ...]) -> None:
        """Refuses an architecture that needs features at other strides."""
        if self.strides != wanted:
            raise ConfigError(
                f"arch {arch} needs a backbone with features at strides {_words(wanted)}; "
                f"this one has them at {_words(self.strides)}"
            )


def check_size(size: tuple[int, int], multiple: int) -> None:
    """Refuses a size (height, width) whose sides are no multiples of `multiple` or below
    `SMALLEST`, and names the nearest ones that would do."""
    lowest = -(-SMALLEST // multiple) * multiple
    below = tuple(max(lowest, side // multiple * multiple) for side in size)
    above = tuple(max(lowest, -(-side // multiple) * multiple) for side in size)
    if tuple(size) == below:
        return
    rule = f"{lowest} and more" if multiple == 1 else f"multiples of {multiple}, from {lowest} on"
    nearest = " or ".join(f"{height} {width}" for height, width in dict.fromkeys((below, above)))
    raise ConfigError(
        f"size {size[0]} {size[1]} does not suit this network, which takes images with sides of "
        f"{rule}; the nearest: {nearest}"
    )


def _words(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
