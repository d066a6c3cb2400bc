"""A network normalises its images: as its backbone's weights want, or as the cfg says."""

import copy

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

import models
from models import ARCHITECTURES, BACKBONES
from models.normalisation import IMAGENET, Normalisation
from tasks.base import DenseHead

OWN = {
    "resnet18": IMAGENET,
    "efficientnet_lite0": Normalisation((127 / 255,) * 3, (128 / 255,) * 3),
    "timm/vit_tiny_patch16_224": Normalisation((0.5,) * 3, (0.5,) * 3),
}


def build(backbone, **options):
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    choice = BACKBONES.choose(backbone, {"pretrained": "false", **options})
    arch = ARCHITECTURES.choose_nested("plain", {})
    return models.build(arch, choice, {"depth": DenseHead(1)}, (32, 32)).eval()


@pytest.mark.parametrize("backbone", OWN)
@pytest.mark.parametrize("normalise", ["backbone", "imagenet", "half", "none"])
def test_the_backbone_sees_normalised_images(backbone, normalise):
    network = build(backbone, normalise=normalise)
    seen = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        network(images)
    wanted = {"backbone": OWN[backbone], "imagenet": IMAGENET}.get(normalise)
    expected = images if wanted is None else tv.normalize(images, *map(list, wanted))
    if normalise == "half":
        expected = 2 * images - 1
    torch.testing.assert_close(seen[0], expected)


@pytest.mark.parametrize("backbone", OWN)
@pytest.mark.parametrize("normalise", ["backbone", "imagenet", "half", "none"])
def test_the_padding_is_nearly_zero_to_the_backbone(backbone, normalise):
    choice = BACKBONES.choose(backbone, {"normalise": normalise})
    normalisation = models.normalisation_of(choice)
    padding = torch.tensor(normalisation.padding) / 255
    normalised = (padding - torch.tensor(normalisation.mean)) / torch.tensor(normalisation.std)
    assert normalised.abs().max() < 0.01


def test_the_statistics_are_no_weights_and_follow_the_network():
    network = build("resnet18")
    assert not {"mean", "std"} & network.state_dict().keys()
    other = copy.deepcopy(network).double()
    assert other.mean.dtype == torch.float64
    other.normalise_by(OWN["efficientnet_lite0"])
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(other(images)["depth"].float(), network(images)["depth"])
