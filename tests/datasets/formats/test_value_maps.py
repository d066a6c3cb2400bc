"""Maps of numbers that stand for values."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from datasets.formats import Label
from datasets.formats.value_maps import ValueMap
from tests.labels import custom_dataset
from utils.errors import ConfigError, DataError

SIZE = (48, 64)


@pytest.fixture
def stored(tmp_path):
    """Saves an array as a PNG or as .npy, and reads it by a format of these options."""

    def read(array, size=None, **options):
        path = tmp_path / ("a.png" if array.dtype in (np.uint8, np.uint16) else "a.npy")
        if path.suffix == ".png":
            cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array)
        else:
            np.save(path, array)
        return Label(ValueMap(**options), (path,)).read(size or array.shape[:2])

    return read


def numbers(dtype=np.uint16, *shape):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (*SIZE, *shape), dtype, True)


def test_a_range_stands_for_minus_one_to_one(stored):
    array = numbers()
    expected = array / 409.6 * 2 - 1
    np.testing.assert_allclose(stored(array, range=(0, 409.6)), expected, rtol=1e-5, atol=1e-5)
    clipped = stored(array, range=(0, 409.6), clip=True)
    np.testing.assert_allclose(clipped, np.clip(expected, -1, 1), atol=1e-5)
    assert stored(np.uint16([[65535]]), range=(0, 65535)) == 1
    np.testing.assert_array_equal(stored(expected), np.float32(expected))


def test_whole_numbers_do_not_tell_what_they_stand_for(stored):
    for array, sort in ((numbers(), "a PNG of 16 bits"), (np.zeros(SIZE, int), "an .npy of int64")):
        with pytest.raises(DataError, match=rf"is {sort}, which .*: `\w+_range = …` does"):
            stored(array)


def test_each_channel_may_have_a_range_of_its_own(stored):
    array = numbers(np.uint8, 3)
    ends = (91.65, 155.494, 98.442, 141.758)
    values = stored(array, range=ends, channels=2)
    expected = (array[..., :2] - [123.572, 120.1]) / [31.922, 21.658]
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert stored(array, range=(0, 255), channels=1).shape == SIZE
    assert stored(array.transpose(2, 0, 1) / 255, SIZE, channels=3).shape == (*SIZE, 3)


def test_logarithms_and_numbers_that_mean_nothing(stored):
    array = numbers()
    array[0, :2] = 0, 65535
    values = stored(array, log=True, invalid=(65535,))
    assert values[0, 0] == 0
    known = array != 65535
    np.testing.assert_array_equal(np.isfinite(values), known)
    np.testing.assert_allclose(values[known], np.log1p(array[known]) / np.log(65536), rtol=1e-5)
    assert np.isnan(stored(np.float32([[-3, np.inf]]), log=True)).all()


@pytest.mark.parametrize("side", [256, 512])
def test_a_blur_is_that_of_a_map_of_256(stored, side):
    """Four pixels of one of 256 × 256 are eight of one of 512 × 512."""
    array = np.random.default_rng(0).integers(0, 800, (side, side)).astype(np.uint16)
    values = stored(array, range=(0, 409.6), blur=4)
    expected = ndimage.gaussian_filter(array / 409.6 * 2 - 1, 4 * side / 256, mode="reflect")
    np.testing.assert_allclose(values, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "array", "complaint"),
    [
        ({"channels": 2}, np.zeros(SIZE), "has 1 channel, and 2 are wanted"),
        ({"channels": 4}, np.zeros((*SIZE, 3)), "has 3 channels, and 4 are wanted"),
        ({"range": (0, 1, 0, 1)}, np.zeros((*SIZE, 3), np.uint8), "3 channels, and 2 are wanted"),
        ({}, np.zeros((2, 2, 2, 2)), "a map has two dimensions or three"),
    ],
)
def test_another_number_of_channels_is_named(stored, options, array, complaint):
    with pytest.raises(DataError, match=rf"a\.(png|npy): .*{complaint}"):
        stored(array, SIZE, **options)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("edge_texture_range", "1", "edge_texture_range wants a low and a high number"),
        ("edge_texture_range", "5 5", "edge_texture_range wants a low and a high number"),
        ("edge_texture_clip", "true", "edge_texture_clip wants edge_texture_range to clip to"),
    ],
)
def test_a_mistake_is_told_at_its_key(tmp_path, key, value, complaint):
    folder = tmp_path / "factory"
    folder.mkdir()
    for name in ("a.jpg", "a.png"):
        cv2.imwrite(str(folder / name), np.zeros((*SIZE, 3), np.uint8))
    dataset = custom_dataset(images="*.jpg", edge_texture="*.png", **{key: value})
    with pytest.raises(ConfigError, match=complaint) as caught:
        dataset.read(tmp_path, "train")
    assert caught.value.option == key


def test_a_section_reads_them(tmp_path):
    folder = tmp_path / "factory"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.jpg"), np.zeros((*SIZE, 3), np.uint8))
    cv2.imwrite(str(folder / "a.png"), np.full(SIZE, 51, np.uint8))
    dataset = custom_dataset(images="*.jpg", reshading="*.png", reshading_range="0 255")
    [sample] = dataset.read(tmp_path, "train").samples
    with pytest.raises(DataError, match=r"a\.png: has 1 channel, and 3 are wanted"):
        sample.labels["reshading"].read(SIZE)
    dataset = custom_dataset(images="*.jpg", keypoints2d="*.png", keypoints2d_range="0 255")
    [sample] = dataset.read(tmp_path, "train").samples
    np.testing.assert_allclose(sample.labels["keypoints2d"].read(SIZE), -0.6, atol=1e-6)
