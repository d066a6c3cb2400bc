"""Dense heads, where their maps are odd."""

import torch
from torch import nn

from models.heads.dense import to_image


def test_a_zero_normal_stays_zero_and_is_no_nan():
    x = torch.randn(1, 3, 4, 4)
    x[:, :, 1, 2] = 0
    x.requires_grad_()
    normals = to_image(nn.Identity(), x, (4, 4), unit=True)
    normals.sum().backward()
    assert (normals[0, :, 1, 2] == 0).all()
    assert x.grad.isfinite().all()
    lengths = normals[0].norm(dim=0).flatten()
    torch.testing.assert_close(lengths[lengths > 0], torch.ones(15))
