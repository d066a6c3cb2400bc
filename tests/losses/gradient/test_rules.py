"""What every rule of the Gramian has in common."""

import pytest
import torch

from losses.gradient import AGGREGATORS, PLACES
from losses.gradient.gramian import Unsolved

pytestmark = pytest.mark.parametrize(
    "name", [name for name in AGGREGATORS if hasattr(AGGREGATORS[name], "weigh")]
)


def gramian_of(gradients):
    return gradients @ gradients.T


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_weights_are_finite_float64_numbers_or_there_is_no_answer(name, gradients, dtype):
    gramian = gramian_of(gradients).to(dtype)
    before = gramian.clone()
    try:
        weights = AGGREGATORS[name].weigh(gramian)
    except Unsolved:
        if name not in ("nash-mtl", "fairgrad"):
            raise
        return
    assert weights.dtype == torch.float64
    assert weights.shape == (len(gradients),)
    assert weights.isfinite().all()
    assert torch.equal(gramian, before)


@pytest.mark.parametrize("size", [1, 2, 3, 11])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_with_equal_tasks_the_result_is_their_gradient_times_a_positive_factor(name, size, scale):
    gradient = scale * torch.randn(20, generator=torch.Generator().manual_seed(size)).double()
    gradients = gradient.repeat(size, 1)
    update = AGGREGATORS[name].weigh(gramian_of(gradients)) @ gradients
    factor = (update @ gradient) / (gradient @ gradient)
    assert factor > 0
    torch.testing.assert_close(update, factor * gradient, rtol=1e-6, atol=0)


def test_orthogonal_equal_gradients_are_all_treated_alike(name):
    weights = AGGREGATORS[name].weigh(4.0 * torch.eye(5, dtype=torch.float64))
    torch.testing.assert_close(weights, weights[0].expand(5), rtol=1e-6, atol=0)
    assert weights[0] > 0


def test_the_order_of_the_tasks_does_not_matter(name, regular):
    if name in ("pcgrad", "gradvac"):
        pytest.skip("it draws an order of the tasks")
    gramian = gramian_of(regular)
    order = torch.arange(len(regular)).flip(0)
    torch.testing.assert_close(
        AGGREGATORS[name].weigh(gramian[order][:, order]),
        AGGREGATORS[name].weigh(gramian)[order],
        rtol=1e-5,
        atol=1e-8,
    )


def test_it_is_known_as_a_method_with_a_place(name):
    assert AGGREGATORS[name].at in PLACES
