"""Normals of PASCAL-Context: they count on the classes that the network knew."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from datasets.formats import Label
from datasets.formats.distilled_normals import DistilledNormals
from utils.errors import DataError

WALL, SKY, CHAIR, GRASS = 440, 360, 72, 187


@pytest.fixture
def label(tmp_path):
    """Normals that face the camera; classes of the four quarters."""
    Image.fromarray(np.full((4, 6, 3), (128, 128, 0), np.uint8)).save(tmp_path / "n.png")
    classes = np.array([[WALL, SKY], [GRASS, CHAIR]], np.uint16)
    savemat(tmp_path / "c.mat", {"LabelMap": classes.repeat(2, 0).repeat(3, 1)})
    return Label(DistilledNormals(), (tmp_path / "n.png", tmp_path / "c.mat"))


def test_of_rooms_they_are_kept_of_the_outdoors_not(label):
    normals = label.read((4, 6))
    known = np.linalg.norm(normals, axis=2)
    np.testing.assert_allclose(known[:2, :3], 1, atol=1e-6)
    np.testing.assert_allclose(known[2:, 3:], 1, atol=1e-6)
    assert not known[:2, 3:].any()
    assert not known[2:, :3].any()
    assert label.format.stored_size(label) == (4, 6)


def test_classes_of_another_size_are_stretched(label):
    savemat(label.files[1], {"LabelMap": np.array([[WALL, SKY], [GRASS, CHAIR]], np.uint16)})
    normals = label.read((8, 12))
    assert normals[0, 0].any()
    assert not normals[0, -1].any()
    assert normals[-1, -1].any()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read"),
        (b"no mat" * 100, "cannot be read"),
        ({"Other": np.ones((4, 6))}, "no LabelMap"),
        ({"LabelMap": "words"}, "no map of numbers"),
        (None, "is missing"),
    ],
)
def test_a_mat_that_is_none_is_named(label, content, says):
    label.files[1].unlink()
    if isinstance(content, bytes):
        label.files[1].write_bytes(content)
    elif content:
        savemat(label.files[1], content)
    with pytest.raises(DataError, match=says) as caught:
        label.read((4, 6))
    assert str(caught.value).startswith(f"{label.files[1]}: ")
    assert "\n" not in str(caught.value)


def test_a_torn_mat_is_named(label):
    stored = label.files[1].read_bytes()
    label.files[1].write_bytes(stored[: len(stored) - 20])
    with pytest.raises(DataError, match=r"c\.mat"):
        label.read((4, 6))
