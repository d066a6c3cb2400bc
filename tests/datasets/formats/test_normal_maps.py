"""Maps of normals: unit vectors, whatever a file stores, and what is said of one without any."""

import numpy as np
import pytest
from PIL import Image

from tasks.normal import Normal
from tests.labels import read
from utils.errors import DataError

TASK = Normal()


def unit_vectors(shape):
    vectors = np.random.default_rng(0).normal(size=(*shape, 3))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_npy_of_vectors(tmp_path):
    normals = unit_vectors((4, 5))
    np.save(tmp_path / "a.npy", normals)
    result = read(TASK, tmp_path / "a.npy", (4, 5))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, normals, atol=1e-6)


def test_a_file_that_was_of_unit_vectors_is_measured_again_when_it_changes(tmp_path):
    normals, path = unit_vectors((4, 5)), tmp_path / "a.npy"
    for factor in (1, 1.4, 0.9):
        np.save(path, (factor * normals).astype(np.float64 if factor == 1.4 else np.float32))
        for _ in range(2):
            np.testing.assert_allclose(read(TASK, path, (4, 5)), normals, atol=1e-6)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e-9, 0.3, 0.9, 5.0])
def test_one_pixel_that_is_no_unit_vector_is_found(tmp_path, spoilt):
    normals = unit_vectors((200, 300)).astype(np.float32)
    normals[150, 7] = (0, 0, spoilt)
    np.save(tmp_path / "a.npy", normals)
    result = read(TASK, tmp_path / "a.npy", (200, 300))
    expected = (0, 0, 1) if spoilt in (0.9, 5.0) else (0, 0, 0)
    np.testing.assert_allclose(result[150, 7], expected, atol=1e-6)
    normals[150, 7] = expected
    np.testing.assert_allclose(result, normals, atol=1e-6)


def test_vectors_are_made_unit_length_and_short_ones_are_none(tmp_path):
    stored = np.array([[[0, 0, -0.9], [0.1, 0, 0], [np.nan, 0, 1], [np.nan] * 3]])
    np.save(tmp_path / "a.npy", stored)
    result = read(TASK, tmp_path / "a.npy", (1, 4))
    np.testing.assert_allclose(result, [[[0, 0, -1], [0, 0, 0], [0, 0, 1], [0, 0, 0]]])


def test_png_of_eight_bits(tmp_path):
    normals = unit_vectors((6, 9))
    stored = np.round((normals + 1) * 127.5).astype(np.uint8)
    Image.fromarray(stored).save(tmp_path / "a.png")
    result = read(TASK, tmp_path / "a.png", (6, 9))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, normals, atol=0.012)
    np.testing.assert_allclose(np.linalg.norm(result, axis=2), 1, atol=1e-6)


@pytest.mark.parametrize("value", [0, 127, 128])
def test_black_and_grey_of_a_png_are_no_normals(tmp_path, value):
    Image.fromarray(np.full((2, 2, 3), value, np.uint8)).save(tmp_path / "a.png")
    assert (read(TASK, tmp_path / "a.png", (2, 2)) == 0).all()


def test_another_size_is_stretched_without_mixing_normals(tmp_path):
    normals = unit_vectors((2, 3))
    np.save(tmp_path / "a.npy", normals)
    result = read(TASK, tmp_path / "a.npy", (4, 6))
    np.testing.assert_allclose(result, normals.repeat(2, 0).repeat(2, 1), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 5), (3, 3)])
def test_channels_may_come_first(tmp_path, shape):
    normals = unit_vectors(shape)
    np.save(tmp_path / "last.npy", normals)
    last = read(TASK, tmp_path / "last.npy", shape)
    np.testing.assert_allclose(last, normals, atol=1e-6)
    if shape != (3, 3):  # where both fit, they are last
        np.save(tmp_path / "first.npy", normals.transpose(2, 0, 1))
        np.testing.assert_array_equal(read(TASK, tmp_path / "first.npy", shape), last)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 4), (2, 4, 5), (0, 5, 3)])
def test_what_is_no_map_of_vectors(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(DataError) as caught:
        read(TASK, tmp_path / "a.npy", (4, 5))
    assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: ")


@pytest.mark.parametrize("channels", [(), (4,)])
def test_what_is_no_colour_picture(tmp_path, channels):
    Image.fromarray(np.ones((2, 3, *channels), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*normals are"):
        read(TASK, tmp_path / "a.png", (2, 3))


@pytest.mark.parametrize("name", ["torn.npy", "torn.png", "none.npy", "none.png"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    if name.startswith("torn"):
        (tmp_path / name).write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=name):
        read(TASK, tmp_path / name, (2, 3))
