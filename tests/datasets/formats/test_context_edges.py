"""Edges of PASCAL-Context: where its classes change, one pixel wide."""

import numpy as np
import pytest
from scipy.io import savemat
from scipy.ndimage import convolve, laplace
from skimage.morphology import thin

from datasets.formats import Label
from datasets.formats.context_edges import ContextEdges
from utils.errors import DataError


@pytest.fixture
def stored(tmp_path):
    """The label of a map of classes."""

    def stored(classes):
        savemat(tmp_path / "c.mat", {"LabelMap": classes})
        return Label(ContextEdges(), (tmp_path / "c.mat",))

    return stored


def regions(size, rng, count=9):
    """(H, W) uint16: the nearest of some points, each of a class of its own up to 459."""
    points, numbers = rng.random((count, 2)) * size, rng.integers(1, 460, count)
    grid = np.stack(np.mgrid[: size[0], : size[1]], axis=-1)
    nearest = np.linalg.norm(grid[:, :, None] - points, axis=-1).argmin(-1)
    return numbers[nearest].astype(np.uint16)


@pytest.mark.parametrize("size", [(40, 60), (75, 100), (2, 9), (1, 9)])
def test_they_are_where_the_laplacian_is_not_0_thinned(stored, size):
    classes = regions(size, np.random.default_rng(size))
    edges = stored(classes).read(size)
    reference = laplace(classes.astype(float), mode="mirror") != 0
    np.testing.assert_array_equal(edges, thin(reference))
    assert edges.dtype == np.uint8


def test_a_straight_border_becomes_one_line(stored):
    classes = np.full((20, 30), 440, np.uint16)
    classes[:, 15:] = 158
    edges = stored(classes).read((20, 30))
    assert (edges[1:-1].sum(1) == 1).all()  # thinning may take the ends of a line
    assert set(np.flatnonzero(edges.any(0))) <= {14, 15}


def test_they_are_one_pixel_wide(stored):
    edges = stored(regions((60, 80), np.random.default_rng(1))).read((60, 80))
    assert edges.sum() > 60
    assert convolve(edges, np.ones((2, 2), int), mode="constant").max() <= 3


def test_an_image_of_one_class_has_none(stored):
    assert not stored(np.full((9, 9), 7, np.uint16)).read((9, 9)).any()


def test_of_another_size_they_stay_one_pixel_wide(stored):
    classes = np.repeat(np.array([[1, 2]], np.uint16), 10, axis=0).repeat(5, axis=1)
    read = stored(classes)
    assert read.format.stored_size(read) == (10, 10)
    edges = read.read((40, 40))
    assert edges.shape == (40, 40)
    assert (edges[1:-1].sum(1) == 1).all()


def test_a_damaged_mat_is_named(stored):
    file = stored(np.ones((9, 9), np.uint16)).file
    file.write_bytes(file.read_bytes()[:150])
    with pytest.raises(DataError, match=r"c\.mat: ") as caught:
        Label(ContextEdges(), (file,)).read((9, 9))
    assert "\n" not in str(caught.value)
