"""What a backbone is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import Parameter

from utils.errors import ConfigError
from utils.option import option
from utils.part import Part

OUTPUT_STRIDES = (8, 16, 32)

SMALLEST = 32
"""The least height and width of an image in pixels: one cell at the stride of 32."""


class Backbone(Part, nn.Module, ABC):
    """A network without its classifier, that returns a list of feature maps, finest first.

    A subclass is built from its name, the size (height, width) of the images that it is to take,
    and the stride of its last feature: 32, or 16 or 8 by dilation; None for its own.

    Attributes:
        channels: the channels of each map.
        strides: how many pixels of the image one cell of each map stands for.
        multiple: the image's height and width must be multiples of this many pixels.
    """

    section = "network"

    pretrained: str = option(
        "true",
        "ImageNet weights for the backbone: true, false, or the path of a file",
        inverse="from_scratch",
        spellings={"yes": "true", "1": "true", "no": "false", "0": "false"}
        | {word: word for word in ("true", "false")},
    )

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    multiple: int = 1

    def __init__(self, **options: str):
        nn.Module.__init__(self)
        Part.__init__(self, **options)

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
                f"this one has them at {_words(self.strides)}",
                "backbone",
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
        f"{rule}; the nearest: {nearest}",
        "size",
    )


def check_output_stride(stride: int | None) -> int:
    """The stride of the last feature: 32 for None. Refuses what dilation cannot give."""
    if stride not in (None, *OUTPUT_STRIDES):
        raise ConfigError(f"output_stride is 8, 16 or 32, not {stride}", "output_stride")
    return stride or OUTPUT_STRIDES[-1]


def _words(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
