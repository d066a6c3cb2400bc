import pytest
import torch

from losses.gradient import AGGREGATORS

GradNorm = AGGREGATORS["grad-norm"]


def rule(size, alpha=1.5, lr=0.025):
    return GradNorm(["t"] * size, torch.Generator(), alpha=alpha, weight_lr=lr)


def gramian(*norms):
    return torch.diag(torch.tensor(norms).square())


def test_a_step_uses_the_weights_learned_until_then_and_they_add_up_to_t():
    grad_norm = rule(3)
    first = grad_norm.weights(gramian(1.0, 2.0, 3.0), [0, 1, 2], torch.ones(3))
    assert first.tolist() == [1.0, 1.0, 1.0]
    second = grad_norm.weights(gramian(1.0, 2.0, 3.0), [0, 1, 2], torch.ones(3))
    assert second[0] > second[1] > second[2]
    assert second.sum() == pytest.approx(3.0)


def test_the_weighted_norms_become_equal_where_all_tasks_train_alike():
    grad_norm = rule(2)
    for _ in range(2000):
        weights = grad_norm.weights(gramian(1.0, 4.0), [0, 1], torch.ones(2))
    assert weights.tolist() == pytest.approx([1.6, 0.4], abs=0.03)


def test_a_task_that_trains_slowly_gets_the_larger_share():
    grad_norm = rule(2)
    grad_norm.weights(gramian(1.0, 1.0), [0, 1], torch.tensor([1.0, 1.0]))
    for _ in range(2000):
        weights = grad_norm.weights(gramian(1.0, 1.0), [0, 1], torch.tensor([1.0, 0.5]))
    ratio = 2**1.5  # (L / L(0))^α
    assert (weights[0] / weights[1]).item() == pytest.approx(ratio, rel=0.1)


def test_the_weights_are_moved_against_the_gradient_of_the_paper_s_loss():
    """Adam's first step is the learning rate times the sign, so only signs show."""
    grad_norm = rule(3, lr=1e-3)
    norms, ratios = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 0.4, 0.9])
    grad_norm.first = torch.ones(3).double()
    grad_norm.weights(torch.diag(norms.square()), [0, 1, 2], ratios)
    weights = torch.ones(3, requires_grad=True)
    target = (weights * norms).mean().detach() * (ratios / ratios.mean()) ** 1.5
    (weights * norms - target).abs().sum().backward()
    moved = torch.ones(3) - 1e-3 * weights.grad.sign()
    assert grad_norm.current.tolist() == pytest.approx((3 * moved / moved.sum()).tolist())


def test_absent_tasks_keep_their_weight_and_wait_for_their_first_loss():
    grad_norm = rule(3)
    grad_norm.weights(gramian(1.0, 9.0), [0, 2], torch.tensor([1.0, 1.0]))
    assert grad_norm.current[1] == 1.0
    assert grad_norm.current.sum() == pytest.approx(3.0)
    assert grad_norm.first.isnan().tolist() == [False, True, False]


def test_an_overflow_changes_nothing():
    grad_norm = rule(2)
    grad_norm.weights(gramian(1.0, torch.inf), [0, 1], torch.tensor([1.0, torch.inf]))
    assert grad_norm.current.tolist() == [1.0, 1.0]
