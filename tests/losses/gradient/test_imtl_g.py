import pytest
import torch

from losses.gradient import AGGREGATORS

imtl_g = AGGREGATORS["imtl-g"].weigh


def test_the_projections_on_all_gradients_are_equal(regular):
    weights = imtl_g(regular @ regular.T)
    update = weights @ regular
    projections = regular @ update / regular.norm(dim=1)
    torch.testing.assert_close(
        projections, projections[0].expand(len(regular)), rtol=1e-6, atol=1e-9
    )
    assert weights.sum() == pytest.approx(1.0)


def test_the_projections_are_equal_whatever_the_scales():
    torch.manual_seed(0)
    gradients = torch.randn(4, 30).double() * torch.tensor([[1e-12], [1e-6], [1.0], [1e12]])
    weights = imtl_g(gradients @ gradients.T)
    units = gradients / gradients.norm(dim=1, keepdim=True)
    update = (weights * gradients.norm(dim=1)) @ units
    projections = units @ update
    torch.testing.assert_close(projections, projections[0].expand(4), rtol=1e-6, atol=0)


def test_it_agrees_with_torchjd(regular):
    aggregation = pytest.importorskip("torchjd.aggregation")
    expected = aggregation.IMTLG()(regular)
    torch.testing.assert_close(
        imtl_g(regular @ regular.T) @ regular, expected, rtol=1e-5, atol=1e-8
    )


def test_gradients_that_cancel_give_nothing():
    gramian = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert imtl_g(gramian).tolist() == [0.0, 0.0]
