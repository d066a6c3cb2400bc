"""What can be built, and how what cannot is refused."""

import inspect
import re
import subprocess
import sys

import pytest
import torch

from models import ARCHITECTURES, BACKBONES, NECKS
from tasks.base import BoxHead, DenseHead
from tests.building import make_network
from utils.errors import ConfigError

DENSE = {"depth": DenseHead(1)}
BOXES = {"detection": BoxHead(3)}
VIT = "timm/vit_tiny_patch16_224"


def build(arch="DeepLab", backbone="resnet18", heads=DENSE, size=(64, 64), **options):
    with torch.device("meta"):
        return make_network(arch, backbone, heads, size, **options)


@pytest.mark.parametrize(
    ("arguments", "option", "message"),
    [
        ({"size": (20, 64)}, "size", "size 20 64 does not suit .* nearest: 32 64"),
        ({"heads": BOXES}, "tasks", "DeepLab has heads for dense maps only, and detection"),
        ({"arch": "plain", "heads": BOXES}, "tasks", "Plain has heads for dense maps only"),
        ({"arch": "EfficientDet"}, "tasks", "EfficientDet has heads for boxes only, and depth"),
        ({"channels": 0}, "channels", "channels wants a whole number, at least 1, not '0'"),
        ({"output_stride": 4}, "output_stride", "cannot be '4'; it is one of 8, 16, 32"),
        ({"skip_connection": -1}, "skip_connection", "wants a whole number, at least 0, not '-1'"),
        ({"activation": "relu7"}, "activation", "cannot be 'relu7'; did you mean relu"),
        (
            {"arch": "VMM", "head_type": "dconv"},
            "head_type",
            "head_type cannot be 'dconv'; did you mean dsconv",
        ),
        ({"backbone": "timm/vit_tiny_patch99"}, "backbone", "timm has no model"),
        ({"backbone": VIT, "output_stride": 8}, "output_stride", "give output_stride = 16"),
        ({"arch": "PSPNet", "heads": BOXES}, "tasks", "PSPNet has heads for dense maps only"),
        ({"arch": "PSPNet", "enlarge": "cubic"}, "enlarge", "cannot be 'cubic'; it is one of"),
        ({"backbone": "none"}, "backbone", "DeepLab needs a backbone, such as resnet50"),
        ({"arch": "SegNet_MTAN"}, "backbone", "encoder of its own: give backbone = none"),
        (
            {"arch": "SegNet_MTAN", "backbone": "none", "size": (64, 90)},
            "size",
            "multiples of 32.*: 64 64 or 64 96",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line_that_names_the_option(
    arguments, option, message
):
    if "timm" in arguments.get("backbone", ""):
        pytest.importorskip("timm")
    with pytest.raises(ConfigError, match=message) as error:
        build(**arguments)
    assert "\n" not in str(error.value)
    assert error.value.option == option


@pytest.mark.parametrize(
    ("registry", "option", "name", "message"),
    [
        (ARCHITECTURES, "arch", "DeepLap", "no architecture 'DeepLap'; did you mean DeepLab"),
        (BACKBONES, "backbone", "resnet19", "no backbone 'resnet19'; did you mean resnet1"),
        (NECKS, "neck", "bifpm", "no neck 'bifpm'; did you mean bifpn"),
    ],
)
def test_an_unknown_name_gets_the_nearest(registry, option, name, message):
    with pytest.raises(ConfigError, match=message) as error:
        registry.canonical(name, option)
    assert error.value.option == option


def test_an_architecture_has_options_of_its_own():
    assert list(ARCHITECTURES["VMM"].options) == ["channels", "neck", "head_type"]
    assert not ARCHITECTURES["plain"].options
    with pytest.raises(ConfigError, match="VMM has no option 'output_stride'"):
        build("VMM", output_stride=8)


@pytest.mark.parametrize(
    ("arch", "channels", "neck"),
    [("DeepLab", 256, None), ("VMM", 64, "triv2-bifpn"), ("EfficientDet", 88, "bifpn")],
)
def test_an_empty_value_is_the_papers(arch, channels, neck):
    options = ARCHITECTURES[arch].options
    assert options["channels"].parse([]) == channels
    if neck:
        assert options["neck"].parse([]) == neck
    choice = ARCHITECTURES.choose(arch)
    assert choice.with_values(channels=channels).identity() == choice.identity()


def test_values_have_other_spellings():
    assert ARCHITECTURES["DeepLab"].options["skip_connection"].parse(["true"]) == 48
    pretrained = BACKBONES["resnet18"].options["pretrained"]
    assert [pretrained.parse([word]) for word in ("True", "yes", "0")] == ["true", "true", "false"]
    assert pretrained.parse(["true"], inverted=True) == "false", "from_scratch"
    assert pretrained.parse(["Weights/r18.pth"]) == "Weights/r18.pth"


@pytest.mark.parametrize("registry", [ARCHITECTURES, BACKBONES, NECKS], ids=lambda r: r.noun)
def test_every_part_says_in_a_line_what_it_is_and_in_which_paper(registry):
    for part in {*registry.values(), *(part_of("") for part_of in registry.prefixes.values())}:
        assert part.__doc__, part
        text = " ".join(inspect.getdoc(part).split("\n\n")[0].split())
        assert re.search(r"\(.*(\d{4}|github\.com).*?\)", text), text


def test_networks_need_no_package_that_takes_long_to_import():
    slow = ["torchvision", "efficientnet_pytorch", "timm", "scipy"]
    code = f"import models, sys; print([m for m in sys.modules if m in {slow}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
