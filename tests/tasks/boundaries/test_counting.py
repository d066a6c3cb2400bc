"""Counts of agreeing pixels at every threshold."""

import math

import numpy as np
import pytest

from tasks.boundaries.counting import THRESHOLDS, BoundaryImage, f_measures
from tasks.boundaries.matching import Truth
from tasks.boundaries.thinning import thin

EVERY = range(1, THRESHOLDS + 1)


def random_image(seed=0, size=(40, 56)):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 100, size).astype(np.uint8)
    target = (rng.random(size) < 0.1).astype(np.uint8)
    target[rng.random(size) < 0.05] = 255
    return levels, target


@pytest.mark.parametrize("exact", [False, True])
def test_each_threshold_is_thinned_and_compared_by_itself(exact):
    levels, target = random_image()
    thresholds = (1, 17, 50, 99)
    counts = BoundaryImage.of(levels, target).count(0.03, thresholds, exact)
    truth = Truth(target == 1, 0.03 * math.hypot(*target.shape))
    for threshold, (pairs, predicted, true) in zip(thresholds, counts.T, strict=True):
        thinned = thin(levels >= threshold) & (target != 255)
        expected = truth.exact(thinned) if exact else truth.greedy(thinned)
        assert (pairs, predicted, true) == (expected, thinned.sum(), (target == 1).sum())


def test_thresholds_between_which_no_pixel_lies_have_the_same_counts():
    levels, target = random_image()
    levels = np.where(levels < 60, 20, 80).astype(np.uint8)
    counts = BoundaryImage.of(levels, target).count(0.01, EVERY)
    assert (counts[:, :20] == counts[:, :1]).all()
    assert (counts[:, 20:80] == counts[:, 20:21]).all()
    assert (counts[:2, 80:] == 0).all()


def test_padding_changes_nothing():
    """Neither the counts nor the diagonal that the tolerance is a share of."""
    levels, target = random_image()
    target[[0, -1], 5] = target[5, [0, -1]] = 1
    padded = np.pad(target, ((0, 30), (0, 50)), constant_values=255)
    expected = BoundaryImage.of(levels, target).count(0.05, (30, 60))
    image = BoundaryImage.of(np.pad(levels, ((0, 30), (0, 50))), padded)
    np.testing.assert_array_equal(image.count(0.05, (30, 60)), expected)
    assert image.shape == (40, 56)


def test_an_image_takes_less_memory_than_its_pixels():
    levels = np.zeros((425, 560), np.uint8)
    levels[200:204] = np.arange(560) % 100
    image = BoundaryImage.of(levels, (levels > 50).astype(np.uint8))
    assert len(image.levels) + len(image.target) < 0.05 * levels.size


def test_the_f_measure_is_that_of_precision_and_recall():
    counts = np.array([[6, 0, 0, 5], [8, 4, 0, 5], [12, 9, 0, 5]])
    precision, recall = 6 / 8, 6 / 12
    expected = [2 * precision * recall / (precision + recall), 0, 0, 1]
    np.testing.assert_allclose(f_measures(counts), expected)
