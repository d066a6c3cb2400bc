"""Masks of class numbers: how they are stored, and what is said of what is none."""

import numpy as np
import pytest
from PIL import Image

from datasets.formats.class_masks import read_mask
from tasks.segmentation import VOID, Segmentation
from tests.labels import read
from utils.errors import DataError

MASK = np.array([[0, 1, 2], [2, 255, 0]], np.uint8)


@pytest.fixture
def task():
    return Segmentation(("wall", "floor", "bed"))


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_mask(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int16])
def test_npy_of_any_kind_of_number_with_minus_one_for_void(task, tmp_path, dtype):
    path = tmp_path / "a.npy"
    np.save(path, np.where(MASK == 255, -1, MASK.astype(int)).astype(dtype))
    result = read(task, path, MASK.shape, void=-1)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, MASK)
    with pytest.raises(DataError, match="has the value -1"):
        read(task, path, MASK.shape)


@pytest.mark.parametrize("odd", [0.5, np.nan, np.inf, 1e9, -1e5])
def test_npy_of_other_numbers(tmp_path, odd):
    np.save(tmp_path / "a.npy", np.array([[0, odd]]))
    assert "other numbers than class numbers" in refusal(tmp_path / "a.npy")


def test_npy_of_another_shape(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 13)))
    assert "(3, 4, 13)" in refusal(tmp_path / "a.npy")


def test_given_numbers_are_the_classes_and_all_others_void(task, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[7, 8, 26, 0, 255, 33]], np.uint8)).save(path)
    result = read(task, path, (1, 6), numbers=(7, 26, 8))
    np.testing.assert_array_equal(result, [[0, 2, 1, VOID, VOID, VOID]])


def test_sixteen_bits_are_read_as_they_are(tmp_path):
    Image.fromarray(np.array([[300, 65535]], np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), [[300, 65535]])


def test_a_voc_mask_saved_as_rgb_has_lost_its_numbers(tmp_path):
    picture = Image.fromarray(MASK, "P")
    picture.putpalette([number * 37 % 256 for number in range(768)])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), MASK)
    picture.convert("RGB").save(tmp_path / "rgb.png")
    assert "holds colours where class numbers are wanted" in refusal(tmp_path / "rgb.png")
    assert "take the original file" in refusal(tmp_path / "rgb.png")
    picture.convert("RGBA").save(tmp_path / "rgba.png")
    assert "colours and an alpha channel" in refusal(tmp_path / "rgba.png")


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_numbers_saved_with_channels_too_many_can_be_mended(tmp_path, mode):
    Image.fromarray(MASK).convert(mode).save(tmp_path / "a.png")
    message = refusal(tmp_path / "a.png")
    assert f"has {len(mode)} channels" in message
    assert ("alpha" in message) == mode.endswith("A")
    assert "the first of them is the mask" in message
