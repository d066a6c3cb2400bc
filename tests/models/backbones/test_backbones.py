"""What every backbone promises: its channels and strides, and weights that fit its library's."""

import pytest
import torch

from models import BACKBONES
from tests.building import make_backbone as create
from utils.errors import ConfigError

PAPERS = {
    "resnet18": (128, 256, 512),
    "resnet50": (512, 1024, 2048),
    "mobilenet_v2": (32, 96, 1280),
    "efficientnet_v2_s": (64, 160, 256),
    "efficientnet_v2_m": (80, 176, 512),
    "efficientnet_v2_l": (96, 224, 640),
    "efficientnet_b1": (40, 112, 320),
    "efficientnet_b3": (48, 136, 384),
}


def features(name, size, output_stride=None):
    with torch.device("meta"):
        backbone = create(name, output_stride, size=size).eval()
        return backbone, backbone(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "none"])
def test_the_declared_channels_and_strides_are_true(name):
    backbone, maps = features(name, (64, 97))
    assert backbone.strides == (8, 16, 32)
    assert backbone.channels == PAPERS.get(name, backbone.channels)
    assert [tuple(x.shape) for x in maps] == [
        (1, channels, -(-64 // stride), -(-97 // stride))
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


@pytest.mark.parametrize(
    "name", ["resnet50", "mobilenet_v2", "efficientnet_b0", "efficientnet_v2_s"]
)
@pytest.mark.parametrize(("output_stride", "strides"), [(8, (8, 8, 8)), (16, (8, 16, 16))])
def test_a_finer_output_stride_is_what_the_maps_have(name, output_stride, strides):
    backbone, maps = features(name, (64, 96), output_stride)
    assert backbone.strides == strides
    assert [64 // x.shape[2] for x in maps] == list(strides)


def test_all_spellings_of_a_name_are_the_same():
    for name in ("efficientnet-v2-s", "efficientnet_v2_s", "EfficientNetV2_S", "EfficientNet-V2-S"):
        assert BACKBONES.canonical(name) == "efficientnet_v2_s"
    assert BACKBONES.canonical("ResNet50") == "resnet50"
    assert BACKBONES.canonical("MobileNetV2") == "mobilenet_v2"
    assert BACKBONES.canonical("EfficientNet-B1") == "efficientnet_b1"
    assert BACKBONES.canonical("timm/vit_tiny_patch16_384") == "timm/vit_tiny_patch16_384"


@pytest.mark.parametrize("size", [(31, 64), (64, 0), (-5, 64)])
def test_an_image_smaller_than_a_cell_is_refused(size):
    with pytest.raises(ConfigError, match="nearest"):
        create("resnet18", size=size)
