"""DeepLabV3 with one task is torchvision's."""

import torch
from torchvision.models.segmentation import deeplabv3_resnet50

import models
from tasks.base import DenseHead


def test_deeplab_v3_computes_what_torchvisions_does():
    torch.manual_seed(0)
    theirs = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5).eval()
    ours = models.build(
        "DeepLab",
        "resnet50",
        {"segmentation": DenseHead(5)},
        size=(64, 80),
        pretrained=False,
        output_stride=8,
    ).eval()
    # The layers follow one another in the same order, under other names.
    values = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    images = torch.randn(2, 3, 64, 80)
    with torch.no_grad():
        torch.testing.assert_close(ours(images)["segmentation"], theirs(images)["out"])
