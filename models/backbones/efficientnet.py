"""EfficientNet-B0 to B7 (Tan & Le 2019), those of efficientnet_pytorch."""

from __future__ import annotations

from torch import Tensor, nn

from models.backbones import weights
from models.backbones.base import Backbone, check_output_stride, check_size
from models.backbones.dilation import dilate


class EfficientNet(Backbone):
    """Gives the outputs of stages 3, 5 and 7, at strides 8, 16 and 32. Its parameters are named as
    in efficientnet_pytorch.

    Args:
        name: `efficientnet_b0` to `efficientnet_b7`.
        size: height and width of the images.
        output_stride: 32 or None, or 16 or 8: later stages are then dilated, not strided.
    """

    def __init__(
        self, name: str, size: tuple[int, int], output_stride: int | None = None, **options: str
    ):
        super().__init__(**options)
        check_size(size, multiple=1)
        output_stride = check_output_stride(output_stride)
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
        self._conv_stem, self._bn0, self._blocks = net._conv_stem, net._bn0, net._blocks
        self._swish = nn.SiLU()
        for block in self._blocks:
            # PyTorch's own: the package's function cannot be batched over gradients or exported.
            block._swish = nn.SiLU()
        self._ends = self._last_blocks()
        self._drop_connect = net._global_params.drop_connect_rate
        self.channels = tuple(self._blocks[end]._bn2.num_features for end in self._ends)
        self.strides = tuple(min(stride, output_stride) for stride in (8, 16, 32))
        dilate(self._blocks[self._ends[self.strides.index(output_stride)] + 1 :])

    def _last_blocks(self) -> list[int]:
        """The last block at strides 8, 16 and 32: the next one, if any, has a stride of its own."""
        strided = [n for n, b in enumerate(self._blocks) if b._depthwise_conv.stride[0] > 1]
        return [strided[2] - 1, strided[3] - 1, len(self._blocks) - 1]

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self._swish(self._bn0(self._conv_stem(images)))
        maps = []
        for index, block in enumerate(self._blocks):
            x = block(x, drop_connect_rate=self._drop_connect * index / len(self._blocks))
            if index in self._ends:
                maps.append(x)
        return maps
