"""The backbones of efficientnet_pytorch."""

from __future__ import annotations

from torch import Tensor, nn

from models.backbones import weights
from models.backbones.staged import StagedBackbone
from models.dropout import Dropout


class EfficientNet(StagedBackbone):
    """EfficientNet-B0 to B7 (Tan and Le, ICML 2019): the last blocks at strides 8, 16 and 32,
    without the last 1×1 convolution."""

    def cut(self, name):
        from efficientnet_pytorch import EfficientNet as Classifier
        from efficientnet_pytorch.utils import url_map
        from torch.hub import load_state_dict_from_url

        published = name.replace("_", "-")
        # Without a size it pads by the size of its input, so that it takes any.
        net = Classifier.from_name(published, image_size=None)
        weights.load(
            net,
            name,
            self.pretrained,
            lambda: load_state_dict_from_url(url_map[published], progress=False),
            classifier="_fc.",
        )
        rate = net._global_params.drop_connect_rate / len(net._blocks)
        blocks = [_Block(block, rate * index) for index, block in enumerate(net._blocks)]
        # A feature ends before each block with a stride. The first two strides give no feature.
        strided = [n for n, b in enumerate(net._blocks) if b._depthwise_conv.stride[0] > 1]
        taps = (strided[2], strided[3], len(blocks))  # the stem is stage 0, and block n stage n + 1
        stem = nn.Sequential(net._conv_stem, net._bn0, nn.SiLU())
        return nn.Sequential(stem, *blocks), taps


class _Block(nn.Module):
    """A block that, where it has a shortcut, is left out with the probability `drop` in training
    (stochastic depth)."""

    def __init__(self, block: nn.Module, drop: float):
        super().__init__()
        self.block = block
        self.drop = Dropout(drop, dims=1)
        arguments = block._block_args
        unchanged = arguments.stride == 1 and arguments.input_filters == arguments.output_filters
        self.shortcut = block.id_skip and unchanged
        block.id_skip = False  # the package's shortcut draws from PyTorch's generator
        # PyTorch's own: the package's function cannot be batched over gradients or exported.
        block._swish = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.block(x)) + x if self.shortcut else self.block(x)
