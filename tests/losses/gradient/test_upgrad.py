import itertools

import pytest
import torch

from losses.gradient import AGGREGATORS

upgrad = AGGREGATORS["upgrad"].weigh


def projection_by_enumeration(gradients, vector):
    """The nearest point to `vector` in {d: g_t · d ≥ 0}: the best over all sets of tasks that d may
    be orthogonal to."""
    best = None
    for size in range(len(gradients) + 1):
        for active in itertools.combinations(range(len(gradients)), size):
            rows = gradients[list(active)]
            point = vector - torch.linalg.pinv(rows) @ (rows @ vector) if size else vector
            feasible = (gradients @ point >= -1e-9 * gradients.norm() * vector.norm()).all()
            if feasible and (best is None or (point - vector).norm() < (best - vector).norm()):
                best = point
    return best


def test_the_result_conflicts_with_no_task(gradients):
    update = upgrad(gradients @ gradients.T) @ gradients
    largest = gradients.norm(dim=1).max()
    assert (gradients @ update >= -1e-6 * gradients.norm(dim=1) * largest).all()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("size", [2, 3, 5])
def test_it_is_the_mean_of_the_projected_gradients(size, seed):
    torch.manual_seed(seed)
    gradients = (torch.randn(size, 8) - torch.randn(8)).double() * 10 ** (
        0.5 * torch.randn(size, 1)
    )
    expected = torch.stack([projection_by_enumeration(gradients, row) for row in gradients]).mean(0)
    update = upgrad(gradients @ gradients.T) @ gradients
    torch.testing.assert_close(update, expected, rtol=1e-6, atol=1e-7)


def test_without_conflicts_it_is_the_mean():
    gradients = torch.rand(4, 10).double()
    assert upgrad(gradients @ gradients.T).tolist() == pytest.approx([0.25] * 4)


def test_it_agrees_with_torchjd(regular):
    aggregation = pytest.importorskip("torchjd.aggregation")
    linalg = pytest.importorskip("torchjd.linalg")
    try:
        projector = linalg.QuadprogProjector(norm_eps=1e-12, reg_eps=1e-12)
    except ImportError:
        pytest.skip("TorchJD lacks its solver")
    expected = aggregation.UPGrad(projector=projector)(regular)
    scale = expected.abs().max().item()
    update = upgrad(regular @ regular.T) @ regular
    torch.testing.assert_close(update, expected, rtol=1e-4, atol=1e-4 * scale)
