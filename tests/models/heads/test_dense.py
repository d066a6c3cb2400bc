"""Dense heads, where their maps are odd, and where they start."""

import pytest
import torch
from torch import nn

from models.heads.dense import LinearHead
from tasks.base import DenseHead
from tests.building import make_network


def test_a_zero_normal_stays_zero_and_is_no_nan():
    head = LinearHead(3, DenseHead(3, unit=True))
    head.predict = nn.Identity()
    x = torch.randn(1, 3, 4, 4)
    x[:, :, 1, 2] = 0
    x.requires_grad_()
    normals = head((x,), (4, 4))
    normals.sum().backward()
    assert (normals[0, :, 1, 2] == 0).all()
    assert x.grad.isfinite().all()
    lengths = normals[0].norm(dim=0).flatten()
    torch.testing.assert_close(lengths[lengths > 0], torch.ones(15))


@pytest.mark.parametrize(
    ("arch", "backbone"), [("DeepLab", "resnet18"), ("VMM", "mobilenet_v2"), ("plain", "resnet18")]
)
def test_a_new_head_starts_around_the_number_of_its_task(arch, backbone):
    def predicted(start):
        torch.manual_seed(0)
        net = make_network(arch, backbone, {"depth": DenseHead(1, start=start)}, size=(64, 96))
        with torch.no_grad():
            return net(torch.randn(4, 3, 64, 96))["depth"]

    torch.testing.assert_close(predicted(3.0), predicted(0.0) + 3, rtol=1e-4, atol=1e-4)
