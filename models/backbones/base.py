"""What a backbone is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import Parameter

from models.backbones.segment import Segment
from models.layers import ModulePart
from models.normalisation import HALF, IDENTITY, IMAGENET, Normalisation
from utils.errors import ConfigError
from utils.option import option

DEFAULT_INDICES = (-3, -2, -1)
"""Which of its features a backbone gives where an architecture does not say: the last three."""

SMALLEST = 32
"""The least height and width of an image in pixels: one cell at the stride of 32."""


def _unchanged(x: Tensor) -> Tensor:
    return x


class Backbone(ModulePart, ABC):
    """A network without its classifier, which returns a list of feature maps, finest first.

    A subclass is built from its name, the size (height, width) of the images in pixels, the stride
    of its last feature (None: its default), and the indices of those of its features that it gives
    (None: its default; negative ones count from the end).

    Attributes:
        name: in the registry.
        channels: the channels of each map.
        strides: the pixels of the image to one cell of each map.
        multiple: the image's height and width must be multiples of this number of pixels.
        levels: the number of features that it gives by default.
        map_of: makes the map of a feature of what a segment gives.
    """

    pretrained: str = option(
        "true",
        "ImageNet weights for the backbone: true, the best that there are; imagenet_v1, the older "
        "ones of torchvision; false; or the path of a file",
        inverse="from_scratch",
        spellings={"true": "true", "yes": "true", "1": "true"}
        | {"false": "false", "no": "false", "0": "false"},
    )
    normalise: str = option(
        "backbone",
        "how images are normalised: backbone, as its published weights want; imagenet; half, to "
        "[-1, 1]; or none, in [0, 1] as they are",
        choices=("backbone", "imagenet", "half", "none"),
    )

    name: str
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    multiple: int = 1
    levels: int = len(DEFAULT_INDICES)
    map_of: Callable[[Tensor], Tensor] = staticmethod(_unchanged)

    @classmethod
    def published_normalisation(cls, name: str) -> Normalisation:
        """How images are normalised for the published weights of the backbone of this name."""
        return IMAGENET

    @classmethod
    def normalisation(cls, name: str, normalise: str) -> Normalisation:
        """How images are normalised for the backbone of this name and a value of `normalise`."""
        if normalise == "backbone":
            return cls.published_normalisation(name)
        return {"imagenet": IMAGENET, "half": HALF, "none": IDENTITY}[normalise]

    @abstractmethod
    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps images (B, 3, H, W) to features [(B, channels, ⌈H / stride⌉, ⌈W / stride⌉), …]."""

    def recompute(self) -> None:
        """From now on activations are computed again in the backward pass, and not kept.

        Raises:
            ConfigError: the backbone cannot.
        """
        raise ConfigError(
            f"backbone {self.name} has no stages that can be computed again; take one of another "
            "package, or more micro_batches",
            "recompute",
        )

    def last_layer(self) -> list[Parameter]:
        """The weight of the last convolution (or linear layer, in a transformer)."""
        return [weight for weight in self.parameters() if weight.dim() > 1][-1:]

    def last_stage(self) -> list[Parameter]:
        """The parameters of the last stage; of a backbone without stages, those of its last
        layer."""
        return self.last_layer()

    def segments(self) -> list[Segment]:
        """The network cut behind each of its features: modules of which each takes what the one
        before gives, the first one the images. `map_of` of what one gives is the feature.

        Raises:
            ConfigError: the backbone cannot be cut.
        """
        raise ConfigError(
            f"backbone {self.name} cannot be run stage by stage; take one of torchvision, "
            "efficientnet_pytorch or timm",
            "backbone",
        )

    def layers(self) -> list[list[Parameter]]:
        """The parameters from the input to the output, those of a stage (or of a block of a
        transformer) together: what `freeze` and `layer_decay` count."""
        return [list(self.parameters())]

    def everywhere(self) -> list[nn.Module]:
        """The modules that hold its parameters, wherever in a network they stand."""
        return [self]


def check_strides(arch: str, strides: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Refuses a backbone for an architecture that needs features at other strides.

    Raises:
        ConfigError: names both.
    """
    if strides != wanted:
        raise ConfigError(
            f"arch {arch} needs a backbone with features at strides {_words(wanted)}; "
            f"this one has them at {_words(strides)}",
            "backbone",
        )


def check_size(size: tuple[int, int], multiple: int = 1) -> None:
    """Refuses a size (height, width) whose sides are below `SMALLEST` or no multiples of
    `multiple`.

    Raises:
        ConfigError: names the nearest sizes that would do.
    """
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


def _words(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
