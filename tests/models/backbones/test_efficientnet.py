"""EfficientNet is the package's network, but for where its random numbers come from."""

import torch
from efficientnet_pytorch import EfficientNet

from models.dropout import Dropout
from tests.building import make_backbone


def test_the_features_are_the_packages(tmp_path):
    torch.manual_seed(0)
    theirs = EfficientNet.from_name("efficientnet-b0", image_size=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "b0.pth")
    ours = make_backbone("efficientnet_b0", pretrained=tmp_path / "b0.pth").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features, endpoints = ours(images), theirs.extract_endpoints(images)
    for feature, number in zip(features, (3, 4, 5), strict=True):
        torch.testing.assert_close(feature, endpoints[f"reduction_{number}"])


def test_a_block_that_is_left_out_passes_its_input_on():
    backbone = make_backbone("efficientnet_b0")
    for layer in backbone.modules():
        if isinstance(layer, Dropout):
            layer.p = 1.0
    shortcuts = [stage for stage in backbone.stages if getattr(stage, "shortcut", False)]
    assert len(shortcuts) == 9, "all but the first block of each of the seven stages"
    for stage in shortcuts:
        x = torch.randn(2, stage.block._block_args.input_filters, 4, 4)
        assert torch.equal(stage(x), x)
