"""What can be built, and how what cannot is refused."""

import subprocess
import sys

import pytest

from models import ARCHITECTURES
from tasks.base import BoxHead, DenseHead
from tests.building import make_network
from utils.errors import ConfigError

DENSE = {"depth": DenseHead(1)}
BOXES = {"detection": BoxHead(3)}


def build(arch="DeepLab", backbone="resnet18", heads=DENSE, size=(64, 64), **options):
    return make_network(arch, backbone, heads, size, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": "DeepLap"}, "there is no architecture 'DeepLap'; did you mean DeepLab"),
        ({"backbone": "resnet19"}, "there is no backbone 'resnet19'; did you mean resnet1"),
        ({"arch": "VMM", "neck": "bifpm"}, "there is no neck 'bifpm'; did you mean bifpn"),
        ({"heads": BOXES}, "DeepLab has heads for dense maps only, and detection predicts boxes"),
        ({"arch": "plain", "heads": BOXES}, "Plain has heads for dense maps only, and detection"),
        ({"arch": "EfficientDet"}, "EfficientDet has heads for boxes only, and depth predicts"),
        ({"size": (20, 64)}, "size 20 64 does not suit .* nearest: 32 64"),
        ({"output_stride": 4}, "output_stride cannot be '4'; it is one of 8, 16, 32"),
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


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"size": (20, 64)}, "size"),
        ({"output_stride": 4}, "output_stride"),
        ({"heads": BOXES}, "arch"),
        ({"arch": "VMM", "backbone": "timm/vit_tiny_patch16_224", "heads": BOXES}, "backbone"),
        ({"backbone": "timm/vit_tiny_patch99"}, "backbone"),
    ],
)
def test_a_mistake_names_the_option_it_is_in(options, option):
    pytest.importorskip("timm")
    with pytest.raises(ConfigError) as error:
        build(**options)
    assert error.value.option == option


def test_an_architecture_has_options_of_its_own():
    assert list(ARCHITECTURES["VMM"].options) == ["channels", "neck"]
    assert "output_stride" not in ARCHITECTURES["VMM"].options
    assert not ARCHITECTURES["plain"].options
    with pytest.raises(ConfigError, match="VMM has no option 'output_stride'"):
        build("VMM", output_stride=8)


def test_networks_need_no_package_that_takes_long_to_import():
    slow = ["torchvision", "efficientnet_pytorch", "timm", "scipy"]
    code = f"import models, sys; print([m for m in sys.modules if m in {slow}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
