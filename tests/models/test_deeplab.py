"""DeepLabV3 with one task is torchvision's."""

import torch
from torchvision.models.segmentation import deeplabv3_resnet50

from tasks.base import DenseHead
from tests.building import make_network


def test_deeplab_v3_computes_what_torchvisions_does():
    torch.manual_seed(0)
    theirs = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5).eval()
    ours = make_network(
        "DeepLab",
        "resnet50",
        {"segmentation": DenseHead(5)},
        size=(64, 80),
        output_stride=8,
    ).eval()
    # The layers follow one another in the same order, under other names.
    values = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    images = torch.rand(2, 3, 64, 80)
    with torch.no_grad():
        expected = theirs((images - ours.mean) / ours.std)["out"]
        torch.testing.assert_close(ours(images)["segmentation"], expected)
