"""EfficientNet is the package's network, but for where its random numbers come from; Lite0 has
weights that nobody need download."""

import torch
from efficientnet_pytorch import EfficientNet
from sklearn.datasets import load_sample_image
from torch.nn import functional as F

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


class TestLite0:
    def test_its_weights_know_a_temple(self):
        """The whole classifier, put together from the backbone and the package's last layers."""
        backbone = make_backbone("efficientnet_lite0", pretrained="true").eval()
        net, imagenet = backbone.package_network("efficientnet_lite0")
        weights = imagenet()
        assert weights.keys() == net.state_dict().keys()
        net.load_state_dict(weights)
        temple = torch.tensor(load_sample_image("china.jpg")).permute(2, 0, 1)[None].float() / 255
        temple = F.interpolate(temple, (224, 224), mode="bilinear", antialias=True)
        mean, std = (
            torch.tensor(colour).view(3, 1, 1)
            for colour in backbone.normalisation("efficientnet_lite0", "backbone")
        )
        with torch.no_grad():
            last = backbone((temple - mean) / std)[-1]
            pooled = F.relu6(net.eval()._bn1(net._conv_head(last))).mean((2, 3))
            assert net._fc(pooled).argmax() == 442, "a bell cote"

    def test_its_size(self):
        backbone = make_backbone("efficientnet_lite0")
        assert sum(weight.numel() for weight in backbone.parameters()) == 2_958_848
        assert backbone.channels == (40, 112, 320)
        assert backbone.strides == (8, 16, 32)
        net, _ = backbone.package_network("efficientnet_lite0")
        assert sum(weight.numel() for weight in net.parameters()) == 4_652_008
