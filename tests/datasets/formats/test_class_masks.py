"""Masks of class numbers: how they are stored, and what is said of what is none."""

import numpy as np
import pytest
from PIL import Image

from datasets.formats import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from tasks.segmentation import VOID, Segmentation
from tests.labels import read
from utils.errors import ConfigError, DataError

MASK = np.array([[0, 1, 2], [2, 255, 0]], np.uint8)


ROOM = ("wall", "floor", "bed", "chair", "lamp")


@pytest.fixture
def task():
    return Segmentation(("wall", "floor", "bed"))


def save(path, mask):
    Image.fromarray(np.asarray(mask)).save(path)
    return path


def refusal(path):
    with pytest.raises(DataError) as caught:
        read(Segmentation(ROOM), path, (2, 3))
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


def test_given_numbers_are_the_classes(task, tmp_path):
    path = save(tmp_path / "a.png", np.array([[7, 8, 26, 0, 255, 33]], np.uint8))
    result = read(task, path, (1, 6), numbers=(7, 26, 8), others_void=True)
    np.testing.assert_array_equal(result, [[0, 2, 1, VOID, VOID, VOID]])
    with pytest.raises(DataError, match="value 0, but the numbers of the classes are 7, 26, 8, "):
        read(task, path, (1, 6), numbers=(7, 26, 8))
    path = save(tmp_path / "a.png", np.array([[7, 8, 26, 255]], np.uint8))
    result = read(task, path, (1, 4), numbers=(7, 26, 8))
    np.testing.assert_array_equal(result, [[0, 2, 1, VOID]])


def test_sixteen_bits_are_read_as_they_are(tmp_path):
    Image.fromarray(np.array([[300, 65535]], np.uint16)).save(tmp_path / "a.png")
    result = read(Segmentation(("no", "yes")), tmp_path / "a.png", (1, 2), numbers=(65535, 300))
    np.testing.assert_array_equal(result, [[1, 0]])


def test_a_voc_mask_saved_as_rgb_has_lost_its_numbers(tmp_path):
    picture = Image.fromarray(MASK, "P")
    picture.putpalette([number * 37 % 256 for number in range(768)])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(Segmentation(ROOM), tmp_path / "a.png", (2, 3)), MASK)
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


class TestTwoValues:
    """Masks of 0 and 255, as most tools write one class."""

    TASK = Segmentation(("background", "thing"))
    STORED = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)

    @pytest.fixture
    def path(self, tmp_path):
        return save(tmp_path / "a.png", self.STORED)

    def test_are_refused_where_nobody_says_what_255_is(self, path):
        with pytest.raises(DataError) as caught:
            read(self.TASK, path, (2, 3))
        assert str(caught.value) == (
            f"{path}: its numbers are 0 and 255, and it cannot be told what 255 is: write "
            "`segmentation_numbers = 0 255` where it is a class, or `segmentation_void = 255` "
            "where it is void"
        )
        with pytest.raises(DataError, match="and the background first in `segmentation_classes`"):
            read(Segmentation(("thing",)), path, (2, 3))

    def test_numbers_make_it_a_class(self, path):
        result = read(self.TASK, path, (2, 3), numbers=(0, 255))
        np.testing.assert_array_equal(result, self.STORED // 255)

    def test_void_makes_it_void(self, path):
        np.testing.assert_array_equal(read(self.TASK, path, (2, 3), void=255), self.STORED)

    def test_more_classes_or_values_are_as_ever(self, path, tmp_path):
        np.testing.assert_array_equal(read(Segmentation(ROOM), path, (2, 3)), self.STORED)
        path = save(tmp_path / "b.png", np.array([[0, 1, 255]], np.uint8))
        np.testing.assert_array_equal(read(self.TASK, path, (1, 3)), [[0, 1, 255]])


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({"numbers": (0, 1)}, "numbers", "has 2 numbers, and there are 3 classes"),
        ({"numbers": (0, 1, 0)}, "numbers", "has a number twice"),
        ({"numbers": (0, 1, 2), "first": 0}, "first", "the number of every class, the first"),
        ({"numbers": (0, 1, 255), "void": 255}, "void", "gives 255 to a class, which then is not"),
    ],
)
def test_numbers_that_contradict_the_section(task, options, key, says):
    with pytest.raises(ConfigError, match=says) as caught:
        ClassMask(task.classes, **options)
    assert caught.value.option == key


def test_a_number_behind_the_last_class_may_tell_of_a_background(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 5, 1]], np.uint8))
    with pytest.raises(DataError, match="name it first in `segmentation_classes`"):
        read(Segmentation(ROOM), path, (1, 3))
    with pytest.raises(DataError, match="`segmentation_numbers` names other numbers"):
        read(Segmentation(ROOM), save(path, np.array([[5, 9]], np.uint8)), (1, 2))


class TestTruthValues:
    MASK = np.array([[True, False, True], [False, False, True]])

    def test_are_no_depths(self, tmp_path):
        np.save(tmp_path / "a.npy", self.MASK)
        for stored in (DepthMap(), NormalMap()):
            with pytest.raises(DataError, match=r"a\.npy: is an array of truth values"):
                Label(stored, (tmp_path / "a.npy",)).read((2, 3))

    def test_of_an_npz(self, tmp_path):
        np.savez(tmp_path / "a.npz", mask=self.MASK, other=self.MASK)
        result = read(Segmentation(("no", "yes")), tmp_path / "a.npz", (2, 3), key="mask")
        np.testing.assert_array_equal(result, self.MASK)

    @pytest.mark.parametrize("options", [{}, {"numbers": (0, 1)}, {"void": 255}])
    def test_are_two_classes(self, tmp_path, options):
        np.save(tmp_path / "a.npy", self.MASK)
        result = read(Segmentation(("no", "yes")), tmp_path / "a.npy", (2, 3), **options)
        np.testing.assert_array_equal(result, self.MASK)

    @pytest.mark.parametrize("classes", [("yes",), ROOM])
    def test_are_no_other_number_of_classes(self, tmp_path, classes):
        np.save(tmp_path / "a.npy", self.MASK)
        with pytest.raises(
            DataError, match=r"a\.npy: holds truth values \(1 bit\), which are two classes"
        ):
            read(Segmentation(classes), tmp_path / "a.npy", (2, 3))

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32, np.int64])
    @pytest.mark.parametrize("axis", [0, 2])
    def test_a_channel_a_class_is_read_back(self, tmp_path, dtype, axis):
        generator = np.random.default_rng(0)
        mask = generator.integers(0, len(ROOM) + 1, (12, 9))
        one_hot = (mask[..., None] == np.arange(len(ROOM))).astype(dtype)
        np.save(tmp_path / "a.npy", np.moveaxis(one_hot, 2, axis))
        mask[mask == len(ROOM)] = VOID
        a = Label(ClassMask(ROOM), (tmp_path / "a.npy",))
        np.testing.assert_array_equal(a.read((12, 9)), mask)
        assert a.format.stored_size(a) == (12, 9)
        assert a.format.decided(a)["void"] == "pixels of no class"

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda a: a[..., [0, 1, 2, 3, 4, 4]], "holds an array"),
            (lambda a: a[:5], "does not tell whether the first or the last axis"),
            (lambda a: a * 0.5, "holds other numbers than 0 and 1"),
            (lambda a: a * np.nan, "holds other numbers than 0 and 1"),
            (lambda a: a * 0 + 1, "row 0, column 0 has 5 classes"),
        ],
    )
    def test_what_is_no_channel_a_class(self, tmp_path, change, says):
        one_hot = np.eye(5)[np.zeros((12, 9), int)]
        np.save(tmp_path / "a.npy", change(one_hot))
        with pytest.raises(DataError, match=says) as caught:
            read(Segmentation(ROOM), tmp_path / "a.npy", (12, 9))
        assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: ")

    def test_a_channel_a_class_has_no_numbers(self, tmp_path):
        np.save(tmp_path / "a.npy", np.eye(5)[np.zeros((12, 9), int)])
        with pytest.raises(DataError, match="leave out `segmentation_first`"):
            read(Segmentation(ROOM), tmp_path / "a.npy", (12, 9), void=255)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, {"classes": "0 wall, 1 floor, 2 bed", "void": "255, by default"}),
        ({"first": 1, "void": 0}, {"classes": "1 wall, 2 floor, 3 bed", "void": "0"}),
        ({"numbers": (7, 255, 8)}, {"classes": "7 wall, 255 floor, 8 bed", "void": "none"}),
        (
            {"numbers": (7, 9, 8), "others_void": True},
            {"classes": "7 wall, 9 floor, 8 bed", "void": "all other numbers"},
        ),
    ],
)
def test_what_the_numbers_are_taken_to_mean(task, tmp_path, options, says):
    path = save(tmp_path / "a.png", MASK)
    a = Label(ClassMask(task.classes, **options), (path,))
    assert a.format.decided(a) == says


def test_of_many_classes_the_first_are_named(tmp_path):
    a = Label(ClassMask(tuple("abcdefghij")), (save(tmp_path / "a.png", MASK),))
    assert a.format.decided(a)["classes"].endswith("6 g, 7 h and 2 more")


def test_what_is_stated_and_is_the_default_is_the_same(task):
    """The fingerprint of a mask is part of that of a run's baselines."""

    def fingerprint(**options):
        return ClassMask(task.classes, **options).fingerprint

    assert fingerprint() == fingerprint(first=0, void=255)
    for options in ({"first": 1, "void": 0}, {"numbers": (0, 1, 3)}, {"key": "mask"}):
        assert fingerprint() != fingerprint(**options)


def test_class_numbers_and_void(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 4, 255], [1, 2, 3]], np.uint8))
    result = read(Segmentation(ROOM), path, (2, 3))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, [[0, 4, 255], [1, 2, 3]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_storage_says_where_classes_start_and_what_is_void(tmp_path, dtype):
    path = save(tmp_path / "a.png", np.array([[0, 5, 1]], dtype))
    result = read(Segmentation(ROOM), path, (1, 3), first=1, void=0)
    np.testing.assert_array_equal(result, [[255, 4, 0]])


def test_palette_masks(tmp_path):
    image = Image.fromarray(np.array([[0, 3, 255]], np.uint8))
    image.putpalette([255 - i // 3 for i in range(768)])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read(Segmentation(ROOM), tmp_path / "a.png", (1, 3)), [[0, 3, 255]]
    )


def test_another_size_is_stretched_to_the_image(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 1], [2, 3]], np.uint8))
    result = read(Segmentation(ROOM), path, (4, 4))
    np.testing.assert_array_equal(result, np.array([[0, 1], [2, 3]]).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("mask", "storage", "says"),
    [
        (np.full((2, 3), 5, np.uint8), {}, "value 5"),
        (np.full((2, 3), 6, np.uint8), {"first": 1, "void": 0}, "value 6"),
        (np.full((2, 3), 0, np.uint8), {"first": 1}, "value 0"),
        (np.full((2, 3), 256, np.uint16), {"first": 1, "void": 0}, "value 256"),
        (np.eye(3, dtype=np.uint8)[None].repeat(2, 0), {}, "colours"),
        (np.eye(4, dtype=np.uint8)[None].repeat(2, 0), {}, "colours"),
    ],
)
def test_what_is_no_mask_of_these_classes(tmp_path, mask, storage, says):
    path = save(tmp_path / "a.png", mask)
    with pytest.raises(DataError, match=says) as caught:
        read(Segmentation(ROOM), path, (2, 3), **storage)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_files_are_named(tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    for name in ("none.png", "torn.png"):
        with pytest.raises(DataError, match=name):
            read(Segmentation(ROOM), tmp_path / name, (2, 3))
