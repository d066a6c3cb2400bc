"""Every neck returns the levels it was given, mixed as its paper says."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.layers import DSConv, MBConv
from models.necks import NECKS
from models.necks.bifpn import BiFPN
from models.necks.fpn import FPN
from models.necks.pyramid import Pyramid, SimplePyramid
from models.necks.triv2_bifpn import TriV2BiFPN

C = 4


def levels(*sizes, batch=2):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, C, *size, generator=generator) for size in sizes]


def up(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("block", [MBConv, DSConv])
@pytest.mark.parametrize("neck", NECKS.values())
def test_odd_levels_keep_their_shapes(neck, block):
    maps = levels((13, 9), (7, 5), (4, 3), (2, 2))
    out = neck(C, 4, nn.ReLU, block)(maps)
    assert [x.shape for x in out] == [x.shape for x in maps]


@pytest.mark.parametrize("neck", [TriV2BiFPN, BiFPN])
def test_every_level_sees_every_level(neck):
    maps = [x.requires_grad_() for x in levels((8, 8), (4, 4), (2, 2))]
    layer = nn.Sequential(*(neck(C, 3, nn.SiLU, MBConv) for _ in range(2))).eval()
    for x in layer(maps):
        gradients = torch.autograd.grad(x.square().sum(), maps, retain_graph=True)
        assert all(gradient.any() for gradient in gradients)


def test_triv2_bifpn_adds_from_above_then_from_below():
    neck = TriV2BiFPN(C, 3, nn.ReLU6, MBConv).eval()
    p3, p4, p5 = levels((8, 8), (4, 4), (2, 2))
    m4 = p4 + up(p5)
    m3 = p3 + up(m4)
    o4 = m4 + neck.down[0](m3)
    wanted = [m3, o4, p5 + neck.down[1](o4)]
    for got, want in zip(neck([p3, p4, p5]), wanted, strict=True):
        torch.testing.assert_close(got, want)


def test_fpn_convolves_the_sums():
    neck = FPN(C, 2, nn.ReLU, MBConv).eval()
    fine, coarse = levels((4, 4), (2, 2))
    got = neck([fine, coarse])
    torch.testing.assert_close(got[0], neck.out[0](fine + up(coarse)))
    torch.testing.assert_close(got[1], neck.out[1](coarse))


def test_bifpn_takes_weighted_means():
    neck = BiFPN(C, 3, nn.SiLU, MBConv).eval()
    neck.up_weights.data = torch.tensor([[1.0, 3.0], [2.0, -1.0]])
    neck.down_weights.data = torch.tensor([[1.0, 2.0, 1.0], [3.0, 0.0, 1.0]])
    p3, p4, p5 = levels((8, 8), (4, 4), (2, 2))
    m4 = neck.up[1](F.silu(p4 * 2 / 2.0001))  # a negative weight counts as zero
    m3 = neck.up[0](F.silu((p3 + 3 * up(m4)) / 4.0001))
    o4 = neck.down[0](F.silu((p4 + 2 * m4 + F.max_pool2d(m3, 3, 2, 1)) / 4.0001))
    o5 = neck.down[1](F.silu((3 * p5 + F.max_pool2d(o4, 3, 2, 1)) / 4.0001))
    for got, want in zip(neck([p3, p4, p5]), [m3, o4, o5], strict=True):
        torch.testing.assert_close(got, want)


def test_a_pyramid_adds_coarser_levels():
    pyramid = Pyramid(
        (8, 16, 32),
        (8, 16, 32),
        channels=C,
        layer=NECKS.choose("bifpn"),
        depth=2,
        activation=nn.SiLU,
        block=MBConv,
        transition_activation=None,
        extra_levels=2,
    )
    assert pyramid.strides == (8, 16, 32, 64, 128)
    features = [torch.randn(2, 8, 20, 13), torch.randn(2, 16, 10, 7), torch.randn(2, 32, 5, 4)]
    shapes = [tuple(x.shape[2:]) for x in pyramid(features)]
    assert shapes == [(20, 13), (10, 7), (5, 4), (3, 2), (2, 1)]


def test_a_simple_pyramid_has_half_once_and_twice_the_stride():
    simple = SimplePyramid(C, 14)
    assert simple.strides == (7, 14, 28)
    [x] = levels((5, 4))
    finer, same, coarse = simple([x])
    assert same is x
    assert [tuple(level.shape[1:]) for level in (finer, coarse)] == [(C // 2, 10, 8), (C, 3, 2)]
    assert coarse[0, 0, 0, 0] == x[0, 0, :2, :2].max()
    assert simple.channels == (C // 2, C, C)
