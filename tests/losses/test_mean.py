"""The coefficients are the derivatives of the mean."""

import pytest
import torch

from losses.mean import SMALLEST_LOSS, arithmetic, geometric


def test_arithmetic_coefficients_are_the_weights():
    weights = torch.tensor([0.2, 0.8])
    assert arithmetic(None, weights) is weights


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [1, 2, 3, 11])
def test_geometric_coefficients_are_the_derivatives_of_the_product(size, seed):
    torch.manual_seed(seed)
    losses = torch.exp(4 * torch.randn(size))
    weights = torch.rand(size).softmax(0)
    exact = losses.double().requires_grad_()
    (exact**weights).prod().backward()
    assert torch.allclose(geometric(losses, weights).double(), exact.grad, rtol=1e-4, atol=0)


def test_geometric_at_extreme_losses_agrees_with_autograd_and_stays_finite():
    losses = torch.tensor([1e-30, 1e30, 1.0, 1e30])
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1])
    exact = losses.double().clamp(min=SMALLEST_LOSS).requires_grad_()
    (exact ** weights.double()).prod().backward()
    coefficients = geometric(losses, weights)
    assert torch.isfinite(coefficients).all()
    assert torch.allclose(coefficients.double(), exact.grad, rtol=1e-4, atol=0)


def test_geometric_of_one_task_is_the_task():
    assert geometric(torch.tensor([0.3]), torch.tensor([1.0])) == pytest.approx(1.0)
