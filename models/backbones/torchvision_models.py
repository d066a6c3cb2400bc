"""The backbones of torchvision."""

from __future__ import annotations

from torch import nn

from models.backbones import weights
from models.backbones.staged import StagedBackbone


class TorchvisionBackbone(StagedBackbone):
    """A network of torchvision without its classifier."""

    version = 2  # `pretrained = true` means torchvision's best weights
    classifier = "classifier."
    """The first letters of the names of the classifier's weights."""
    last_of: dict[str, int]
    """The last stage that is no part of the classifier, by the network's name."""

    def cut(self, name):
        import torchvision

        net = torchvision.models.get_model(name, weights=None)
        published = torchvision.models.get_model_weights(name)
        imagenet = (
            published.IMAGENET1K_V1 if self.pretrained == "imagenet_v1" else published.DEFAULT
        )
        weights.load(net, name, self.pretrained, imagenet.get_state_dict, self.classifier)
        return self.stages_of(net), self.last_of[name]

    def stages_of(self, net: nn.Module) -> nn.Sequential:
        """The stages of the network, in order."""
        return net.features


class ResNet(TorchvisionBackbone):
    """ResNet (He et al., CVPR 2016): the outputs of the layers 2, 3 and 4."""

    classifier = "fc."
    # The children are conv1, bn1, relu, maxpool, layer1 to layer4, avgpool and fc.
    last_of = {f"resnet{depth}": 7 for depth in (18, 34, 50, 101, 152)}

    def stages_of(self, net):
        return nn.Sequential(*list(net.children())[:-2])


class MobileNetV2(TorchvisionBackbone):
    """MobileNetV2 (Sandler et al., CVPR 2018): the last stages at strides 8 and 16, and the last
    1×1 convolution, at stride 32."""

    last_of = {"mobilenet_v2": 18}


class EfficientNetB1(TorchvisionBackbone):
    """EfficientNet-B1 (Tan and Le, ICML 2019): the last stages at strides 8, 16 and 32, without the
    last 1×1 convolution. torchvision has better weights for it than its authors published."""

    last_of = {"efficientnet_b1": 7}


class EfficientNetV2(TorchvisionBackbone):
    """EfficientNetV2 (Tan and Le, ICML 2021): the last stages at strides 8, 16 and 32, without the
    last 1×1 convolution."""

    last_of = {"efficientnet_v2_s": 6, "efficientnet_v2_m": 7, "efficientnet_v2_l": 7}
