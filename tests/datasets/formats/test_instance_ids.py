"""The numbers of Cityscapes' instances."""

import cv2
import numpy as np
import pytest

from datasets.formats import Label
from datasets.formats.instance_ids import InstanceIds
from utils.errors import DataError


def label(path, stored):
    cv2.imwrite(str(path), stored)
    return Label(InstanceIds(("person", "car"), (24, 26)), (path,))


def test_instances_of_classes_that_have_some_and_groups(tmp_path):
    stored = np.array([[0, 7, 23, 24, 26, 29], [24000, 24001, 26000, 26999, 29000, 25000]])
    result = label(tmp_path / "a.png", stored.astype(np.uint16)).read((2, 6))
    assert result.dtype == np.uint16
    expected = [[0, 0, 0, 24, 26, 0], [24000, 24001, 26000, 26999, 0, 0]]
    np.testing.assert_array_equal(result, expected)


def test_it_is_brought_to_the_size_of_the_image(tmp_path):
    stored = np.full((4, 6), 24000, np.uint16)
    of = label(tmp_path / "a.png", stored)
    assert (of.read((8, 12)) == 24000).all()
    assert of.format.stored_size(of) == (4, 6)


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (np.zeros((2, 2), np.uint8), "has 8 bits, a map of Cityscapes' instances has 16"),
        (np.zeros((2, 2, 3), np.uint16), "has several channels"),
    ],
)
def test_what_is_none_is_named(tmp_path, stored, says):
    with pytest.raises(DataError, match=rf"a\.png: {says}"):
        label(tmp_path / "a.png", stored).read((2, 2))


def test_it_says_what_the_numbers_mean(tmp_path):
    of = label(tmp_path / "a.png", np.zeros((2, 2), np.uint16))
    told = of.format.decided(of)
    assert told["classes"] == "24 person, 26 car"
    assert "PNG of 16 bits" in told["instances"]
