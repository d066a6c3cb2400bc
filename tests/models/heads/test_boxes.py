"""The box head: where its numbers go, and how it starts."""

import pytest
import torch

from tasks.base import BoxHead
from tests.building import make_network

ARCHITECTURES = [("VMM", "mobilenet_v2", (8, 16, 32)), ("EfficientDet", "efficientnet_b0", None)]


def build(arch, backbone, classes=3):
    torch.manual_seed(0)
    heads = {"detection": BoxHead(classes)}
    return make_network(arch, backbone, heads, size=(64, 96))


@pytest.mark.parametrize(("arch", "backbone", "_"), ARCHITECTURES)
def test_classes_start_rare(arch, backbone, _):
    network = build(arch, backbone).train()
    probability = network(torch.randn(4, 3, 64, 96))["detection"].logits.sigmoid()
    assert 0.005 < probability.mean() < 0.05


def test_levels_are_finest_first():
    prediction = build("VMM", "mobilenet_v2").eval()(torch.randn(1, 3, 64, 96))["detection"]
    assert prediction.levels == (3 * 8 * 12, 3 * 4 * 6, 3 * 2 * 3)
    prediction = build("EfficientDet", "efficientnet_b0").eval()(torch.randn(1, 3, 64, 96))
    assert prediction["detection"].levels == (288, 72, 18, 3 * 1 * 2, 3)


def test_a_number_belongs_to_the_anchor_of_its_cell():
    """A change in one cell of a level changes the predictions at the anchors around it."""
    head = build("VMM", "mobilenet_v2").eval().heads["detection"]
    maps = [torch.zeros(1, 64, 8, 12), torch.zeros(1, 64, 4, 6), torch.zeros(1, 64, 2, 3)]
    with torch.no_grad():
        before = head(tuple(maps), (64, 96))
        maps[0][0, :, 5, 9] = 1
        after = head(tuple(maps), (64, 96))
    for changed in (before.logits != after.logits, before.offsets != after.offsets):
        centres = before.anchors[changed[0].any(dim=1), :2] * torch.tensor([96.0, 64.0])
        cell = torch.tensor([(9 + 0.5) * 8, (5 + 0.5) * 8])
        assert len(centres) == 3 * 9  # the depthwise convolution reaches 3×3 cells
        assert ((centres - cell).abs() <= 8).all()


def test_anchors_seen_first_in_evaluation_can_be_trained_with():
    network = build("VMM", "mobilenet_v2")
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        network.eval()(images)
    prediction = network.train()(images)["detection"]
    (prediction.offsets.exp() * prediction.anchors).sum().backward()
