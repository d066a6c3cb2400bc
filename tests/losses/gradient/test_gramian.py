import numpy as np
import pytest
import torch

from losses.gradient.gramian import Unsolved, norms_and_cosines, rule, shortest, vectors


def test_the_vectors_have_the_gradients_inner_products(gradients):
    gramian = (gradients @ gradients.T).numpy()
    result = vectors(gramian)
    norms = np.sqrt(np.diag(gramian))
    scale = np.outer(norms, norms)
    assert np.abs(result.T @ result - gramian).max(where=scale > 0, initial=0) <= 1e-9 * scale.max()


def test_a_gradient_of_zero_has_no_angles():
    norms, cosines = norms_and_cosines(np.array([[4.0, 0.0], [0.0, 0.0]]))
    assert norms.tolist() == [2.0, 0.0]
    assert cosines.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_the_shortest_vector_of_a_hull_with_a_zero_is_that_zero():
    assert shortest(np.array([[1.0, 0.0], [1.0, 0.0]])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_rule_computes_in_float64_and_knows_the_precision_it_was_given(dtype):
    seen = {}

    @rule
    def probe(gramian, eps, factor=1.0):
        seen.update(dtype=gramian.dtype, eps=eps)
        return factor * np.diag(gramian)

    weights = probe(torch.eye(3, dtype=dtype), factor=2.0)
    assert weights.dtype == torch.float64
    assert weights.tolist() == [2.0, 2.0, 2.0]
    assert seen == {"dtype": np.dtype("float64"), "eps": torch.finfo(dtype).eps}


def test_a_failure_of_the_linear_algebra_is_a_rule_without_an_answer():
    @rule
    def singular(gramian, eps):
        return np.linalg.solve(gramian, np.ones(len(gramian)))

    with pytest.raises(Unsolved):
        singular(torch.zeros(2, 2))
