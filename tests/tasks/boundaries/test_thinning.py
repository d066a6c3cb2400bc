"""Thinning against another library's, and what must hold of every thinned boundary."""

import cv2
import numpy as np
import pytest

from tasks.boundaries.thinning import thin

skimage = pytest.importorskip("skimage.morphology")


def blobs(rng, size):
    """A random mask of smooth shapes, or of single pixels."""
    if rng.random() < 0.3:
        return rng.random(size) < rng.random()
    return cv2.GaussianBlur(rng.normal(size=size), (0, 0), rng.uniform(0.5, 4)) > 0.05


@pytest.mark.parametrize("seed", range(40))
def test_it_is_matlabs_and_scikit_images(seed):
    rng = np.random.default_rng(seed)
    mask = blobs(rng, tuple(rng.integers(1, 140, 2)))
    np.testing.assert_array_equal(thin(mask), skimage.thin(mask))


@pytest.mark.parametrize("width", [1, 63, 64, 65, 128])
def test_rows_of_any_number_of_words_are_apart(width):
    """What is at the end of a row is no neighbour of the beginning of the next one."""
    mask = np.zeros((5, width), bool)
    mask[:, [0, -1]] = True
    np.testing.assert_array_equal(thin(mask), mask)
    np.testing.assert_array_equal(
        thin(np.ones((5, width), bool)), skimage.thin(np.ones((5, width)))
    )


def test_a_thinned_boundary_keeps_its_parts_and_holes():
    mask = blobs(np.random.default_rng(1), (120, 200))
    thinned = thin(mask)
    assert not (thinned & ~mask).any()
    np.testing.assert_array_equal(thin(thinned), thinned)
    for connectivity, of_holes in ((8, False), (4, True)):
        counted = [np.pad(~m, 1, constant_values=True) if of_holes else m for m in (mask, thinned)]
        before, after = (
            cv2.connectedComponents(m.astype(np.uint8), connectivity=connectivity)[0]
            for m in counted
        )
        assert before == after
