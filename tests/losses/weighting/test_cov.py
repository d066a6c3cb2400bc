import numpy as np
import pytest
import torch

import losses

TASKS = ("a", "b", "c")


def coefficients(history):
    """σ/μ of each task's ratios over all steps but the last, by numpy: (n, T) losses."""
    ratios = np.ones_like(history)
    for step in range(1, len(history)):
        ratios[step] = history[step] / history[:step].mean(axis=0)
    return ratios.std(axis=0) / ratios.mean(axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_coefficient_of_variation_of_the_whole_history(seed):
    rng = np.random.default_rng(seed)
    history = rng.lognormal(0, [0.1, 0.5, 1.0], (30, 3)) * [1e-3, 1, 1e3]
    weighting = losses.build("cov", TASKS).weighting
    for step, row in enumerate(history):
        weights = weighting.weights([0, 1, 2], torch.tensor(row))
        if step >= 2:
            expected = coefficients(history[:step])
            np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-9)


def test_weights_are_equal_until_two_losses_are_known_and_where_none_varies():
    weighting = losses.build("cov", TASKS).weighting
    for _ in range(5):
        weights = weighting.weights([0, 1, 2], torch.tensor([1.0, 2.0, 3.0]))
        assert weights.tolist() == pytest.approx([1 / 3] * 3)


def test_a_task_without_a_history_gets_the_mean_of_the_others():
    weighting = losses.build("cov", TASKS).weighting
    for row in ([1.0, 1.0], [2.0, 1.5], [1.0, 1.0]):
        before = weighting.weights([0, 1], torch.tensor(row))
    weights = weighting.weights([0, 1, 2], torch.tensor([1.0, 1.0, 7.0]))
    assert before.sum().item() == pytest.approx(2 / 3)
    assert weights[2] == pytest.approx((weights[0] + weights[1]).item() / 2)
