import pytest
import torch

import losses
from losses.gradient import AGGREGATORS
from losses.gradient.gramian import Unsolved
from utils.errors import ConfigError

fairgrad = AGGREGATORS["fairgrad"].weigh


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_it_solves_the_fairness_equation(gradients, alpha):
    gramian = gradients @ gradients.T
    used = gradients.norm(dim=1) > 0
    try:
        weights = fairgrad(gramian, alpha=alpha)
    except Unsolved:
        norms = gradients[used].norm(dim=1, keepdim=True)
        if alpha != 1 and norms.max() > 1e6 * norms.min():
            return  # the equation has terms that cancel to less than rounding
        units = gradients[used] / norms
        assert (AGGREGATORS["mgda"].weigh(units @ units.T) @ units).norm() < 1e-6
        return
    product = (gramian @ weights) * weights ** (1 / alpha)
    torch.testing.assert_close(product[used], torch.ones_like(product[used]), rtol=1e-5, atol=0)


def test_alpha_zero_is_the_mean_and_alpha_one_is_nash(regular):
    gramian = regular @ regular.T
    size = len(regular)
    assert fairgrad(gramian, alpha=0.0).tolist() == pytest.approx([1 / size] * size)
    torch.testing.assert_close(fairgrad(gramian, alpha=1.0), AGGREGATORS["nash-mtl"].weigh(gramian))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_it_agrees_with_torchjd(alpha):
    aggregation = pytest.importorskip("torchjd.aggregation")
    for size in (1, 2, 3, 6):
        torch.manual_seed(size)
        gradients = torch.randn(size, 30).double() / 30**0.5
        try:
            expected = aggregation.FairGrad(alpha)(gradients)
        except ImportError:
            pytest.skip("TorchJD lacks its solver")
        update = fairgrad(gradients @ gradients.T, alpha=alpha) @ gradients
        torch.testing.assert_close(update, expected, rtol=1e-3, atol=1e-4)


def test_a_negative_alpha_is_the_users_mistake():
    with pytest.raises(ConfigError, match="alpha"):
        losses.build("fairgrad", ["a"], options={"alpha": -1.0})
