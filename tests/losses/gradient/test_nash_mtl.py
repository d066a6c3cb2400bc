import pytest
import torch

from losses.gradient import AGGREGATORS
from losses.gradient.gramian import Unsolved

nash_mtl = AGGREGATORS["nash-mtl"].weigh


def test_it_solves_nash_s_equation(gradients):
    gramian = gradients @ gradients.T
    used = gradients.norm(dim=1) > 0
    try:
        weights = nash_mtl(gramian)
    except Unsolved:
        # Only where the directions have 0 in their convex hull.
        units = gradients[used] / gradients[used].norm(dim=1, keepdim=True)
        shortest = AGGREGATORS["mgda"].weigh(units @ units.T) @ units
        assert shortest.norm() < 1e-6
        return
    product = (gramian @ weights) * weights
    torch.testing.assert_close(product[used], torch.ones_like(product[used]), rtol=1e-5, atol=0)
    assert (weights[used] > 0).all()
    assert (weights[~used] == 0).all()


def test_no_other_update_of_that_length_has_a_larger_product_of_gains():
    torch.manual_seed(0)
    gradients = torch.randn(3, 5).double() + 0.5
    update = nash_mtl(gradients @ gradients.T) @ gradients
    best = (gradients @ update).log().sum()
    assert update.norm() == pytest.approx(3**0.5)
    for _ in range(300):
        other = update + 0.3 * torch.randn(5).double()
        gains = gradients @ (other * update.norm() / other.norm())
        assert (gains <= 0).any() or gains.log().sum() <= best + 1e-9


def test_the_norm_is_limited_only_where_asked(regular):
    gramian = regular @ regular.T
    free, limited = nash_mtl(gramian), nash_mtl(gramian, max_norm=0.5)
    assert (limited @ regular).norm() == pytest.approx(0.5)
    torch.testing.assert_close(limited / limited.sum(), free / free.sum())


@pytest.mark.parametrize("sign", [-1.0, -3.0])
def test_opposite_gradients_have_no_bargain(sign):
    gramian = torch.tensor([[1.0, sign], [sign, sign**2]])
    with pytest.raises(Unsolved):
        nash_mtl(gramian)
