import pytest
import torch

import losses
from losses.gradient import AGGREGATORS
from utils.errors import ConfigError


def rule(size, beta, seed=0):
    return AGGREGATORS["gradvac"](["t"] * size, torch.Generator().manual_seed(seed), beta=beta)


def cosine(a, b):
    return (a @ b) / (a.norm() * b.norm())


def test_a_gradient_below_its_target_is_turned_until_the_cosine_is_the_target():
    torch.manual_seed(0)
    first, second = torch.randn(2, 9).double()
    vaccine = rule(2, 1.0)
    gradients = torch.stack([first, first + 0.5 * second])
    vaccine.weights(gradients @ gradients.T, [0, 1], None)  # with β = 1 the targets are these
    target = cosine(*gradients)
    assert target > cosine(first, second)
    gradients = torch.stack([first, second])
    weights = vaccine.weights(gradients @ gradients.T, [0, 1], None)
    # Σ = first + a second + second + b first; each of the two turned gradients is at the target.
    b, a = weights[0] - 1, weights[1] - 1
    assert cosine(first + a * second, second) == pytest.approx(target.item())
    assert cosine(second + b * first, first) == pytest.approx(target.item())


def test_with_targets_of_zero_it_is_pcgrad_summed(regular):
    gramian = regular @ regular.T
    vaccine = AGGREGATORS["gradvac"].weigh(gramian, generator=torch.Generator().manual_seed(1))
    surgery = AGGREGATORS["pcgrad"].weigh(gramian, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(vaccine, len(regular) * surgery)


def test_over_many_steps_it_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(0)
    steps = [torch.randn(2, 6).double() for _ in range(20)]  # of two tasks: one order only
    ours, theirs = rule(2, 0.3), aggregation.GradVac(beta=0.3, eps=0.0)
    for gradients in steps:
        update = ours.weights(gradients @ gradients.T, [0, 1], None) @ gradients
        torch.testing.assert_close(update, theirs(gradients), rtol=1e-6, atol=1e-9)


def test_absent_tasks_keep_their_targets():
    vaccine = rule(3, 0.5)
    gradients = torch.randn(2, 6, generator=torch.Generator().manual_seed(0)).double()
    vaccine.weights(gradients @ gradients.T, [0, 2], None)
    assert vaccine.targets[0, 2] != 0
    assert (vaccine.targets[1] == 0).all()
    assert (vaccine.targets[:, 1] == 0).all()


def test_a_target_of_one_does_not_blow_up():
    vaccine = rule(2, 1.0)
    same = torch.ones(2, 2).double()
    vaccine.weights(same, [0, 1], None)
    weights = vaccine.weights(same * (1 - 1e-15), [0, 1], None)
    assert weights.tolist() == pytest.approx([1.0, 1.0])


def test_a_beta_outside_zero_to_one_is_the_users_mistake():
    with pytest.raises(ConfigError, match="beta"):
        losses.build("gradvac", ["a"], options={"beta": 1.5})
