"""ResNet (He et al. 2016), torchvision's, dilated where a finer output is wanted."""

from __future__ import annotations

from torch import Tensor

from models.backbones import weights
from models.backbones.base import Backbone, check_output_stride, check_size
from models.backbones.dilation import dilate


class ResNet(Backbone):
    """Gives the outputs of layer2, layer3 and layer4. Its parameters are named as in torchvision.

    Args:
        name: `resnet18`, `resnet34`, `resnet50`, `resnet101` or `resnet152`.
        size: height and width of the images.
        output_stride: 32 or None; 16 or 8: the last one or two stages are dilated, not strided.
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
        weights.load(net, name, self.pretrained, imagenet.get_state_dict, classifier="fc.")
        self.strides = tuple(min(stride, output_stride) for stride in (8, 16, 32))
        dilate(
            stage
            for stage, stride in ((net.layer3, 16), (net.layer4, 32))
            if stride > output_stride
        )
        self.channels = tuple(net.fc.in_features // part for part in (4, 2, 1))
        for part, module in net.named_children():
            if part not in ("avgpool", "fc"):
                self.add_module(part, module)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        finest = self.layer2(self.layer1(x))
        middle = self.layer3(finest)
        return [finest, middle, self.layer4(middle)]
