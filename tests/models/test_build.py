"""What can be built, and how what cannot is refused."""

import pytest

import models
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError

DENSE = {"depth": DenseHead(1)}
BOXES = {"detection": BoxHead(3)}


def build(arch="DeepLab", backbone="resnet18", heads=DENSE, size=(64, 64), **options):
    return models.build(arch, backbone, heads, size=size, pretrained=False, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": "DeepLap"}, "unknown arch 'DeepLap'; did you mean DeepLab"),
        ({"backbone": "resnet19"}, "unknown backbone 'resnet19'; did you mean resnet1"),
        ({"arch": "VMM", "neck": "bi-fpn"}, "unknown neck 'bi-fpn'; did you mean bifpn"),
        ({"heads": BOXES}, r"DeepLab has no head for boxes \(detection\)"),
        ({"arch": "plain", "heads": BOXES}, r"plain has no head for boxes \(detection\)"),
        ({"arch": "EfficientDet"}, "EfficientDet has heads for boxes only, not for depth"),
        ({"size": (20, 64)}, "size 20 64 does not suit .* nearest: 32 64"),
        ({"output_stride": 4}, "output_stride is 8, 16 or 32, not 4"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        build(**options)
    assert "\n" not in str(error.value)


def test_a_vit_has_no_levels_for_vmm():
    pytest.importorskip("timm")
    with pytest.raises(ConfigError, match=r"VMM needs .* 8, 16, 32; .* at 16, 16, 16, 16"):
        build("VMM", "timm/vit_tiny_patch16_224", BOXES)


def test_an_architectures_options_are_known_with_their_defaults():
    assert models.options("vmm") == {"channels": 64, "neck": "triv2-bifpn"}
    assert models.options("DeepLab") == {
        "channels": 256,
        "output_stride": 16,
        "skip_connection": 0,
        "shared_head": True,
    }
    assert models.options("plain") == {}


def test_options_of_another_architecture_change_nothing():
    plain, told = build("VMM"), build("VMM", output_stride=8, skip_connection=48)
    assert [p.shape for p in plain.parameters()] == [p.shape for p in told.parameters()]
