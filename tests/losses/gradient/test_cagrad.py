import pytest
import torch

from losses.gradient import AGGREGATORS

cagrad = AGGREGATORS["cagrad"].weigh
RADII = pytest.mark.parametrize("c", [0.0, 0.2, 0.5, 0.9, 2.0])


def direction(gradients, c):
    """The direction d of the paper, before it is divided by 1 + c²."""
    return (1 + c**2) * cagrad(gradients @ gradients.T, c=c) @ gradients


@RADII
def test_it_stays_in_the_ball_around_the_mean(gradients, c):
    mean = gradients.mean(dim=0)
    assert (direction(gradients, c) - mean).norm() <= c * mean.norm() * (
        1 + 1e-6
    ) + 1e-9 * mean.norm()


@RADII
def test_no_direction_in_the_ball_is_better_for_the_worst_task(gradients, c):
    """For any weights w of a convex sum, g_w · g_0 + c ‖g_0‖ ‖g_w‖ bounds what the worst task can
    get; the weights of d - g_0 attain it."""
    mean = gradients.mean(dim=0)
    update = direction(gradients, c)
    weights = (1 + c**2) * cagrad(gradients @ gradients.T, c=c) - 1 / len(gradients)
    if c == 0 or weights.sum() <= 0:
        torch.testing.assert_close(update, mean)
        return
    hull = weights / weights.sum() @ gradients
    assert (weights >= -1e-12 * weights.sum()).all()
    bound = hull @ mean + c * mean.norm() * hull.norm()
    tolerance = 2e-6 * mean.norm() * gradients.norm(dim=1).max()
    assert (gradients @ update).min() >= bound - tolerance


@pytest.mark.parametrize("seed", range(5))
def test_random_directions_in_the_ball_are_worse(seed):
    torch.manual_seed(seed)
    gradients = torch.randn(4, 6).double()
    mean = gradients.mean(dim=0)
    best = (gradients @ direction(gradients, 0.5)).min()
    for _ in range(300):
        other = torch.randn(6).double()
        other = mean + 0.5 * mean.norm() * other / other.norm()
        assert (gradients @ other).min() <= best + 1e-9


def test_it_agrees_with_torchjd(regular):
    aggregation = pytest.importorskip("torchjd.aggregation")
    try:
        aggregator = aggregation.CAGrad(c=0.5, norm_eps=1e-9)
    except ImportError:
        pytest.skip("TorchJD lacks its solver")
    torch.testing.assert_close(direction(regular, 0.5), aggregator(regular), rtol=1e-3, atol=1e-3)
