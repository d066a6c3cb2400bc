"""The layers of backbones, and networks of which some are frozen."""

import pytest
import torch

from tasks.base import DenseHead
from tests.building import make_backbone, make_network
from utils.errors import ConfigError

HEADS = {"depth": DenseHead(1), "normal": DenseHead(3)}
SIZE = (32, 64)


def build(arch="plain", backbone="resnet18", heads=HEADS, **options):
    torch.manual_seed(0)
    return make_network(arch, backbone, heads, SIZE, **options)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet18", 5),
        ("mobilenet_v2", 5),
        ("efficientnet_b0", 5),
        ("timm/vit_tiny_patch16_224", 13),
        ("timm/vit_small_patch14_dinov2", 13),
        ("timm/resnet18", 9),
    ],
)
def test_the_layers_of_a_backbone_are_its_parameters_from_the_input_on(name, layers):
    if name.startswith("timm/"):
        pytest.importorskip("timm")
    with torch.device("meta"):
        backbone = make_backbone(name, size=(56, 56) if "14" in name else (64, 64))
    found = backbone.layers()
    assert len(found) == layers
    ids = [id(p) for layer in found for p in layer]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in backbone.parameters()}
    first = next(p for p in backbone.parameters() if p.dim() == 4)  # of the first convolution
    assert any(p is first for p in found[0])


@pytest.mark.parametrize("arch", ["cross_stitch", "PLE", "MTAN", "CGC"])
def test_the_layers_of_several_backbones_are_those_of_each_together(arch):
    with torch.device("meta"):
        network = build(arch, decoder="plain")
    layers = network.backbone.layers()
    assert len(layers) == 5
    ids = {id(p) for layer in layers for p in layer}
    assert ids == {id(p) for p in network.backbone_parameters()}


def statistics(network):
    return {name: b.clone() for name, b in network.named_buffers() if "running" in name}


def test_the_first_layers_are_frozen_with_their_statistics():
    network = build()
    network.freeze(2)
    network.train()
    before = statistics(network)
    sum(p.sum() for p in network(torch.rand(2, 3, *SIZE)).values()).backward()
    trained = {n for n, p in network.named_parameters() if p.grad is not None}
    # The stem is stages 0 to 2, the first layer stage 4.
    frozen = ("backbone.stages.0.", "backbone.stages.1.", "backbone.stages.4.")
    for name, parameter in network.named_parameters():
        assert (name in trained) == (not name.startswith(frozen)) == parameter.requires_grad
    for name, value in statistics(network).items():
        assert value.equal(before[name]) == name.startswith(frozen), name


@pytest.mark.parametrize("arch", ["plain", "PLE"])
def test_a_frozen_backbone_leaves_the_rest_to_train(arch):
    network = build(arch, **({} if arch == "plain" else {"decoder": "plain"}))
    network.freeze()
    network.eval()
    network.train()
    before = statistics(network)
    sum(p.sum() for p in network(torch.rand(2, 3, *SIZE)).values()).backward()
    of_backbone = {id(p) for p in network.backbone_parameters()}
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (id(parameter) in of_backbone), name
    for name, value in statistics(network).items():
        assert value.equal(before[name]), name


@pytest.mark.parametrize(
    ("network", "layers"), [(("plain", "resnet18"), 6), (("SegNet_MTAN", "none"), None)]
)
def test_more_layers_than_there_are_cannot_be_frozen(network, layers):
    with torch.device("meta"), pytest.raises(ConfigError, match="that could be frozen") as error:
        build(*network).freeze(layers)
    assert error.value.option == "freeze"
