import pytest
import torch

import losses
from utils.errors import ConfigError

TASKS = ("a", "b", "c")


def warmed_up(nadir, mu):
    """After a warm-up of one epoch, and one whose mean losses are `nadir`."""
    weighting = losses.build("stch", TASKS, options={"mu": mu, "warmup_epochs": 1}).weighting
    weighting.weights([0, 1, 2], torch.rand(3))
    weighting.end_epoch()
    weighting.weights([0, 1, 2], 0.5 * nadir)
    weighting.weights([0, 1, 2], 1.5 * nadir)
    weighting.end_epoch()
    return weighting


@pytest.mark.parametrize("mu", [0.01, 0.5, 1.0])
def test_after_the_warm_up_it_is_the_smooth_maximum_of_the_log_losses(mu):
    torch.manual_seed(0)
    nadir = torch.rand(3) + 0.5
    weighting = warmed_up(nadir, mu)
    values = (torch.rand(3) + 0.1).requires_grad_()
    (3 * mu * torch.logsumexp((values / nadir).log() / mu, dim=0)).backward()
    weights = weighting.weights([0, 1, 2], values.detach())
    torch.testing.assert_close(weights, values.grad, rtol=1e-4, atol=1e-6)


def test_it_agrees_with_torchjd_on_the_log_losses():
    scalarization = pytest.importorskip("torchjd.scalarization")
    nadir = torch.tensor([1.0, 2.0, 0.5])
    values = torch.tensor([0.7, 0.3, 0.6], requires_grad=True)
    ones = torch.ones(3)
    (3 * scalarization.STCH(0.2, weights=ones)((values / nadir).log())).backward()
    weights = warmed_up(nadir, 0.2).weights([0, 1, 2], values.detach())
    torch.testing.assert_close(weights, values.grad, rtol=1e-4, atol=1e-6)


def test_during_the_warm_up_it_is_the_sum_of_the_logarithms():
    weighting = losses.build("stch", TASKS).weighting
    values = torch.tensor([0.5, 1.0, 2.0])
    for _ in range(5):  # four epochs, and the one that measures
        torch.testing.assert_close(weighting.weights([0, 1, 2], values), 1 / values)
        weighting.end_epoch()
    weighting.weights([0, 1, 2], values)
    assert weighting.nadir == pytest.approx([0.5, 1.0, 2.0])


def test_a_task_that_comes_late_is_measured_in_its_first_epoch():
    weighting = losses.build("stch", TASKS, options={"warmup_epochs": 0}).weighting
    weighting.weights([0, 1], torch.tensor([1.0, 2.0]))
    weighting.end_epoch()
    weights = weighting.weights([0, 1, 2], torch.tensor([1.0, 2.0, 4.0]))
    torch.testing.assert_close(weights, 1 / torch.tensor([1.0, 2.0, 4.0]))
    weighting.end_epoch()
    assert weighting.nadir == pytest.approx([1.0, 2.0, 4.0])


def test_a_smoothing_of_zero_is_the_users_mistake():
    with pytest.raises(ConfigError, match="mu"):
        losses.build("stch", ["a"], options={"mu": 0.0})
