"""Dilated networks compute what the strided ones compute, at more places."""

import pytest
import torch
import torchvision

from tests.building import make_backbone


def twins(first, second):
    second.load_state_dict(first.state_dict())
    return first.eval().double(), second.eval().double()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
@pytest.mark.parametrize(("output_stride", "step"), [(16, 2), (8, 4)])
def test_every_output_of_the_strided_network_is_among_the_dilated_ones(name, output_stride, step):
    torch.manual_seed(0)
    strided, dilated = twins(make_backbone(name, 32), make_backbone(name, output_stride))
    images = torch.randn(1, 3, 96, 70, dtype=torch.float64)
    with torch.no_grad():
        wanted, got = strided(images)[-1], dilated(images)[-1]
    torch.testing.assert_close(got[:, :, ::step, ::step], wanted)


def test_a_dilated_resnet50_is_torchvisions():
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True])
    state = {key: v for key, v in theirs.state_dict().items() if not key.startswith("fc.")}
    ours = make_backbone("resnet50", 8)
    # The layers follow one another in the same order, under other names.
    ours.load_state_dict(dict(zip(ours.state_dict(), state.values(), strict=True)))
    theirs.fc = theirs.avgpool = torch.nn.Identity()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = theirs.eval()(images).reshape(1, 2048, 8, 8)
        torch.testing.assert_close(ours.eval()(images)[-1], wanted)
