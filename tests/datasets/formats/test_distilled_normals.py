"""Normals of PASCAL-Context: they count on the classes that the network knew."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from datasets.formats import Label
from datasets.formats.distilled_normals import DistilledNormals
from datasets.formats.mat_files import read_matrix
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
    savemat(
        label.files[1], {"LabelMap": np.array([[WALL, SKY, GRASS], [GRASS, SKY, CHAIR]], np.uint16)}
    )
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
        ({"LabelMap": {"a": 1}}, "no map of numbers"),
        ({"LabelMap": np.ones((4, 6), complex)}, "no map of numbers"),
        *(({"LabelMap": np.full((4, 6), n)}, "numbers of classes") for n in (np.nan, -1, 1e30)),
        ({"LabelMap": np.ones((4, 6, 2))}, "numbers of classes"),
        ({"LabelMap": np.ones((0, 6))}, "no map of numbers"),
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


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u8", "f4", "f8", "?"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (37, 53)])
def test_a_matrix_is_the_one_that_scipy_reads(tmp_path, dtype, packed, shape):
    rng = np.random.default_rng(0)
    stored = {
        "text": "x",
        "other": np.ones(3),
        "LabelMap": rng.integers(0, 99, shape).astype(dtype),
    }
    savemat(tmp_path / "a.mat", stored, do_compression=packed)
    result = read_matrix((tmp_path / "a.mat").read_bytes(), "LabelMap")
    np.testing.assert_array_equal(result, loadmat(tmp_path / "a.mat")["LabelMap"])


def test_a_mat_that_grows_when_it_is_unpacked(label):
    savemat(label.files[1], {"LabelMap": np.zeros((5000, 5000), np.uint8)}, do_compression=True)
    assert label.files[1].stat().st_size < 100_000
    with pytest.raises(DataError, match=r"c\.mat: cannot be read as a \.mat \(it has more than"):
        label.read((4, 6))


def test_a_torn_mat_is_named(label):
    stored = label.files[1].read_bytes()
    label.files[1].write_bytes(stored[: len(stored) - 20])
    with pytest.raises(DataError, match=r"c\.mat"):
        label.read((4, 6))
