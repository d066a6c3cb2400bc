import pytest
import torch

from losses.gradient import AGGREGATORS

config = AGGREGATORS["config"].weigh


def test_the_update_has_the_same_cosine_with_all_gradients(regular):
    update = config(regular @ regular.T) @ regular
    cosines = regular @ update / regular.norm(dim=1) / update.norm()
    torch.testing.assert_close(cosines, cosines[0].expand(len(regular)), rtol=1e-6, atol=1e-9)
    assert cosines[0] > 0
    length = (regular @ update / update.norm()).sum()
    torch.testing.assert_close(update.norm(), length)


def test_two_gradients_are_met_in_their_bisector():
    first, second = torch.tensor([2.0, 0.0]).double(), torch.tensor([0.0, 0.5]).double()
    rows = torch.stack([first, second])
    update = config(rows @ rows.T) @ rows
    torch.testing.assert_close(update / update.norm(), torch.full((2,), 0.5**0.5).double())


def test_a_gradient_of_zero_is_left_out(regular):
    rows = torch.cat([regular, torch.zeros_like(regular[:1])])
    weights = config(rows @ rows.T)
    assert weights[-1] == 0
    torch.testing.assert_close(weights[:-1], config(regular @ regular.T))


def test_gradients_that_cancel_have_no_direction():
    assert config(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])).tolist() == [0.0, 0.0]


def test_it_agrees_with_torchjd(gradients):
    aggregation = pytest.importorskip("torchjd.aggregation")
    norms = gradients.norm(dim=1)
    if norms.max() > 1e6 * norms.min() or torch.linalg.matrix_rank(gradients) < len(gradients):
        pytest.skip("TorchJD's depends on the rounding there")
    expected = aggregation.ConFIG()(gradients)
    update = config(gradients @ gradients.T) @ gradients
    torch.testing.assert_close(update, expected, rtol=1e-5, atol=1e-6 * norms.max().item())
