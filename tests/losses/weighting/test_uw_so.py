import pytest
import torch

import losses

TASKS = ("a", "b", "c")


def weights(values, active=(0, 1, 2), **options):
    weighting = losses.build("uw-so", TASKS, options=options).weighting
    return weighting.weights(list(active), torch.tensor(values))


@pytest.mark.parametrize("tau", [0.3, 1.0, 20.0])
def test_it_is_the_softmax_of_the_inverse_losses(tau):
    values = [0.2, 1.0, 4.0]
    expected = torch.tensor([1 / (tau * value) for value in values]).softmax(dim=0)
    torch.testing.assert_close(weights(values, tau=tau), expected)


def test_losses_far_apart_and_losses_of_zero_stay_finite():
    assert weights([0.0, 1e-30, 1e30]).tolist() == pytest.approx([0.5, 0.5, 0.0])


def test_the_larger_tau_the_more_alike():
    spread = [weights([0.2, 1.0, 4.0], tau=tau).std().item() for tau in (0.5, 2.0, 8.0, 1e6)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 1e-5


def test_an_absent_task_s_weight_is_not_given_away():
    assert weights([1.0, 1.0], (0, 2)).tolist() == pytest.approx([1 / 3] * 2)
