"""MobileNetV2 (Sandler et al. 2018) and EfficientNetV2 (Tan & Le 2021), torchvision's: networks of
inverted residuals whose body is one sequence of stages."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from models.backbones import weights
from models.backbones.base import Backbone, check_output_stride, check_size
from models.backbones.dilation import dilate


class _Taps(NamedTuple):
    """Where in `features` the last maps of strides 8, 16 and 32 come out, with how many channels;
    the stages that follow the third are dropped."""

    indices: tuple[int, int, int]
    channels: tuple[int, int, int]


# MobileNetV2 keeps its last 1×1 convolution, EfficientNetV2 does not.
NETWORKS = {
    "mobilenet_v2": _Taps((6, 13, 18), (32, 96, 1280)),
    "efficientnet_v2_s": _Taps((3, 5, 6), (64, 160, 256)),
    "efficientnet_v2_m": _Taps((3, 5, 7), (80, 176, 512)),
    "efficientnet_v2_l": _Taps((3, 5, 7), (96, 224, 640)),
}


class InvertedResiduals(Backbone):
    """Gives features at strides 8, 16 and 32. The names of its parameters are torchvision's.

    Args:
        name: one of `NETWORKS`.
        size: height and width of the images.
        output_stride: 32 or None, or 16 or 8: later stages are then dilated, not strided.
    """

    def __init__(
        self, name: str, size: tuple[int, int], output_stride: int | None = None, **options: str
    ):
        super().__init__(**options)
        check_size(size, multiple=1)
        output_stride = check_output_stride(output_stride)
        import torchvision

        net = torchvision.models.get_model(name, weights=None)
        imagenet = torchvision.models.get_model_weights(name).IMAGENET1K_V1
        weights.load(net, name, self.pretrained, imagenet.get_state_dict, classifier="classifier.")
        self._taps, self.channels = NETWORKS[name]
        self.strides = tuple(min(stride, output_stride) for stride in (8, 16, 32))
        self.features = net.features[: self._taps[-1] + 1]
        # The stages behind the map that already has the stride wanted.
        dilate(self.features[self._taps[self.strides.index(output_stride)] + 1 :])

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, x = [], images
        for index, stage in enumerate(self.features):
            x = stage(x)
            if index in self._taps:
                maps.append(x)
        return maps
