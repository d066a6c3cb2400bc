import itertools

import pytest
import torch

from losses.gradient import AGGREGATORS

mgda = AGGREGATORS["mgda"].weigh


def shortest_by_enumeration(gradients):
    """The norm of the shortest vector in the convex hull: the best over all faces, each solved as
    a linear system."""
    best = gradients.norm(dim=1).min()
    for size in range(2, len(gradients) + 1):
        for face in itertools.combinations(range(len(gradients)), size):
            rows = gradients[list(face)]
            edges = rows[1:] - rows[0]
            inner = torch.linalg.lstsq(edges.T, -rows[0][:, None], driver="gelsd").solution[:, 0]
            if (inner >= 0).all() and inner.sum() <= 1:
                best = torch.minimum(best, (rows[0] + inner @ edges).norm())
    return best


def test_the_weights_are_those_of_a_point_of_the_hull(gradients):
    weights = mgda(gradients @ gradients.T)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1.0)


def test_no_gradient_lies_further_down_than_the_result(gradients):
    """The certificate of the shortest vector d: g_t · d ≥ ‖d‖² for every task."""
    update = mgda(gradients @ gradients.T) @ gradients
    norms = gradients.norm(dim=1)
    slack = gradients @ update - update @ update
    assert (slack >= -1e-6 * norms * norms.min()).all()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("size", [2, 3, 6])
def test_it_is_as_short_as_the_best_face(size, seed):
    torch.manual_seed(seed)
    gradients = torch.randn(size, 4 + seed % 3).double() * 10 ** torch.randn(size, 1)
    update = mgda(gradients @ gradients.T) @ gradients
    expected = shortest_by_enumeration(gradients).item()
    assert update.norm().item() == pytest.approx(
        expected, rel=1e-6, abs=1e-7 * gradients.norm().item()
    )


def test_two_tasks_have_the_closed_form():
    gramian = torch.tensor([[4.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    # (g2 - g1) · g2 / ‖g1 - g2‖² = 2 / 7
    assert mgda(gramian).tolist() == pytest.approx([2 / 7, 5 / 7])


def test_it_agrees_with_torchjd(regular):
    aggregation = pytest.importorskip("torchjd.aggregation")
    if len(regular) > 3:
        pytest.skip("Frank-Wolfe does not get there")
    expected = aggregation.MGDA(epsilon=1e-9, max_iters=5000)(regular)
    torch.testing.assert_close(mgda(regular @ regular.T) @ regular, expected, rtol=1e-3, atol=1e-4)
