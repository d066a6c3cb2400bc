"""Depth maps: the metres that a file stores, and what is said of one that stores none."""

import numpy as np
import pytest
from PIL import Image

from tasks.depth import Depth
from tests.labels import read
from utils.errors import DataError

TASK = Depth()


def test_npy_in_metres(tmp_path):
    depth = np.random.default_rng(0).uniform(0.5, 9, (4, 5))
    np.save(tmp_path / "a.npy", depth)
    result = read(TASK, tmp_path / "a.npy", (4, 5))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, depth, rtol=1e-6)


def test_png_in_millimetres(tmp_path):
    stored = np.array([[0, 1500], [65535, 1]], np.uint16)
    Image.fromarray(stored).save(tmp_path / "a.png")
    result = read(TASK, tmp_path / "a.png", (2, 2), unit=1e-3)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[0, 1.5], [65.535, 0.001]], rtol=1e-6)


def test_what_is_no_number_has_no_reading(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[np.nan, 2], [np.inf, -np.inf]]))
    np.testing.assert_array_equal(read(TASK, tmp_path / "a.npy", (2, 2)), [[0, 2], [0, 0]])


def test_another_size_is_stretched_without_mixing_depths(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, 5], [0, 3]]))
    result = read(TASK, tmp_path / "a.npy", (6, 6))
    np.testing.assert_array_equal(result, np.array([[1, 5], [0, 3]]).repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 2, 3)])
def test_one_channel_more_is_none(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(shape))
    result = read(TASK, tmp_path / "a.npy", (2, 3))
    np.testing.assert_array_equal(result, np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("shape", [(6,), (2, 3, 4), (2, 3, 3), (0, 3), ()])
def test_what_is_no_map(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(DataError) as caught:
        read(TASK, tmp_path / "a.npy", (2, 3))
    assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: ")


def test_colours_are_no_depth(tmp_path):
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*two dimensions"):
        read(TASK, tmp_path / "a.png", (2, 3), unit=1e-3)


@pytest.mark.parametrize("name", ["torn.npy", "torn.png", "none.npy", "none.png"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    if name.startswith("torn"):
        (tmp_path / name).write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(DataError, match=name):
        read(TASK, tmp_path / name, (2, 3))
