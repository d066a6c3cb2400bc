"""Which networks can be exported for more sizes than one, by what `trace` itself compares."""

import pytest
import torch

from engine.modes.export.program import ExportedNetwork, trace
from models import ARCHITECTURES, BACKBONES, build
from tasks import TASKS

ANY = "any height and width that are multiples of 32, from {} on"
EXPECTED = {
    ("plain", "timm/test_vit", (64, 64)): ANY.format(64),
    ("plain", "timm/vit_tiny_patch16_224", (64, 64)): "this size alone",
    ("plain", "mobilenet_v2", (64, 96)): ANY.format(64),
    ("plain", "efficientnet_b0", (64, 96)): ANY.format(64),
    ("plain", "efficientnet_b1", (64, 96)): ANY.format(64),
    ("plain", "efficientnet_v2_s", (64, 96)): ANY.format(64),
    ("DeepLab", "resnet50", (64, 96)): ANY.format(64),
    ("DeepLab", "efficientnet_lite0", (64, 96)): ANY.format(64),
    ("VMM", "efficientnet_lite0", (64, 96)): ANY.format(64),
    ("PSPNet", "resnet18", (64, 96)): ANY.format(64),
    ("EfficientDet", "resnet18", (256, 288)): ANY.format(256),
    ("plain", "resnet18", (70, 100)): "this size alone",
}


def sizes_of(arch, backbone, size):
    type_of_task, classes = ("detection", ("bolt",)) if arch == "EfficientDet" else ("depth", ())
    task = TASKS.choose(type_of_task).build(classes)
    chosen = BACKBONES.choose(backbone, {"pretrained": "false"})
    settings = {} if arch == "plain" else {"channels": 8}
    network = build(ARCHITECTURES.choose(arch, settings), chosen, {task.name: task.head}, size)
    exported = ExportedNetwork(network.eval(), [task])
    program, sizes = trace(exported, torch.rand(2, 3, *size))
    images = torch.rand(3, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(images), exported(images), rtol=1e-3, atol=1e-4)
    return str(sizes)


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "backbone", "size"), EXPECTED)
def test_all_kinds_of_networks(arch, backbone, size):
    assert sizes_of(arch, backbone, size) == EXPECTED[arch, backbone, size]
