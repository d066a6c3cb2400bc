"""YOLO's text: boxes and outlines written by hand, read back, and what is said of bad ones."""

import codecs

import numpy as np
import pytest
from PIL import Image, ImageDraw

from datasets.formats import Label
from datasets.formats.yolo_text import YoloBoxes, YoloMasks
from tasks.segmentation import VOID
from utils.errors import DataError

CLASSES = ("bolt", "nut", "screw")
SIZE = (480, 640)


@pytest.fixture
def write(tmp_path):
    def write(*lines, encoding="utf-8", end="\n"):
        path = tmp_path / "a.txt"
        path.write_bytes("".join(line + end for line in lines).encode(encoding))
        return path

    return write


def boxes(path, size=SIZE):
    return Label(YoloBoxes(CLASSES), (path,)).read(size)


def mask(path, size=SIZE, classes=("background", *CLASSES)):
    return Label(YoloMasks(classes), (path,)).read(size)


def line(number, shares):
    return f"{number} " + " ".join(f"{share:.9f}" for share in np.ravel(shares))


def a_star(generator, size=SIZE):
    """(N, 2) pixels of a random outline that does not cross itself, within the image."""
    angles = np.sort(generator.uniform(0, 2 * np.pi, generator.integers(3, 20)))
    centre = generator.uniform(0.3, 0.7, 2)
    radius = generator.uniform(0.05, 0.3, (len(angles), 1))
    shares = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return shares * size[::-1]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_read_back(write, seed):
    generator = np.random.default_rng(seed)
    corners = np.sort(generator.uniform(0, 1, (30, 2, 2)), axis=1)
    numbers = generator.integers(0, 3, 30)
    centres, sides = corners.mean(axis=1), corners[:, 1] - corners[:, 0]
    rows = np.hstack([centres, sides])
    result = boxes(write(*(line(n, row) for n, row in zip(numbers, rows, strict=True))))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[:, :4], (corners * SIZE[::-1]).reshape(-1, 4), atol=1e-4)
    np.testing.assert_array_equal(result[:, 4:], np.stack([numbers, 0 * numbers], axis=1))


@pytest.mark.parametrize("seed", range(5))
def test_outlines_give_boxes_and_masks(write, seed):
    """The mask is that of Pillow but for pixels on the outline, which Pillow takes as inside."""
    points = a_star(np.random.default_rng(seed))
    path = write(line(1, points / SIZE[::-1]))
    extent = [*points.min(axis=0), *points.max(axis=0), 1, 0]
    np.testing.assert_allclose(boxes(path), [extent], atol=1e-4)
    picture, border = Image.new("L", SIZE[::-1]), Image.new("L", SIZE[::-1])
    on_centres = [tuple(point - 0.5) for point in points]
    ImageDraw.Draw(picture).polygon(on_centres, fill=2)
    ImageDraw.Draw(border).line([*on_centres, on_centres[0]], fill=1, width=3)
    result, inside = mask(path), np.asarray(border) == 0
    assert set(np.unique(result)) == {0, 2}
    np.testing.assert_array_equal(result[inside], np.asarray(picture)[inside])


def test_a_mask_to_the_pixel(write):
    square = [(1, 1), (3, 1), (3, 3), (1, 3)]
    path = write(line(0, np.array(square) / 4))
    middle = np.pad(np.ones((2, 2), int), 1)
    np.testing.assert_array_equal(mask(path, (4, 4)), middle)
    np.testing.assert_array_equal(mask(path, (4, 4), CLASSES), np.where(middle, 0, VOID))
    np.testing.assert_array_equal(mask(path, (4, 4), (*CLASSES, "background")), 3 - 3 * middle)
    np.testing.assert_array_equal(boxes(path, (4, 4)), [[1, 1, 3, 3, 0, 0]])


@pytest.mark.parametrize("order", [1, -1])
def test_smaller_objects_are_in_front(write, order):
    squares = [np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * side for side in (1, 0.5)]
    lines = [line(number, square) for number, square in enumerate(squares)]
    result = mask(write(*lines[::order]), (4, 4))
    np.testing.assert_array_equal(result, [[2, 2, 1, 1]] * 2 + [[1] * 4] * 2)


def test_a_figure_that_crosses_itself_is_filled_where_it_is_odd(write):
    """A square that goes round twice, once small and once large, has a hole."""
    large, small = (
        [(0, 0), (8, 0), (8, 8), (0, 8), (0, 0)],
        [(2, 2), (6, 2), (6, 6), (2, 6), (2, 2)],
    )
    result = mask(write(line(0, np.array(large + small) / 8)), (8, 8), ("background", "bolt"))
    hole = np.ones((8, 8), int)
    hole[2:6, 2:6] = 0
    np.testing.assert_array_equal(result, hole)


@pytest.mark.parametrize("text", ["", "\n", " \r\n\r\n"])
def test_an_empty_file_is_an_image_without_objects(write, text):
    path = write(text, end="")
    assert boxes(path).shape == (0, 6)
    assert boxes(path).dtype == np.float32
    assert not mask(path).any()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n\n"])
def test_what_editors_make_of_a_file(write, encoding, end):
    path = write("1 0.5 0.5 0.25 0.25", "2.0\t.5 .5 1e0 1", encoding=encoding, end=end)
    np.testing.assert_array_equal(boxes(path, (8, 8)), [[3, 3, 5, 5, 1, 0], [0, 0, 8, 8, 2, 0]])


def test_boxes_past_the_image_are_clipped_and_told(write):
    path = write("0 0.1 0.5 0.4 0.5", "1 0.5 0.5 1.004 1", "2 1 1 0.5 0.5")
    np.testing.assert_allclose(
        boxes(path, (100, 100))[:, :4], [[0, 25, 30, 75], [0, 0, 100, 100], [75, 75, 100, 100]]
    )
    label = Label(YoloBoxes(CLASSES), (path,))
    assert label.format.clipped(label) == ["bolt", "screw"]


def test_what_was_decided(write):
    path = write("0 0.5 0.5 0.4 0.5")
    for stored, says in {
        YoloBoxes(CLASSES): {"boxes": "shares of the image", "classes": "0 bolt, 1 nut, 2 screw"},
        YoloMasks(("background", "nut")): {"classes": "0 nut", "void": "none"},
        YoloMasks(("bolt", "nut")): {
            "classes": "0 bolt, 1 nut",
            "void": "pixels without an object",
        },
    }.items():
        label = Label(stored, (path,))
        assert stored.decided(label) == says
        assert stored.stored_size(label) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0.5 0.5 0.1 0.1 0.93", "has six numbers, of which the last is a score: a prediction"),
        ("0 0.5 0.5 0.1", "has 3 numbers behind the class: a box has four"),
        ("0", "has 0 numbers behind the class"),
        ("0 .1 .1 .2 .1 .2 .2 .1", "has 7 numbers behind the class"),
        ("3 0.5 0.5 0.1 0.1", "is of the class 3, and the classes are 0 bolt, 1 nut, 2 screw"),
        ("-1 0.5 0.5 0.1 0.1", "is of the class -1"),
        ("0.5 0.5 0.5 0.1 0.1", "is of the class 0.5"),
        ("nan 0.5 0.5 0.1 0.1", "is of the class nan"),
        ("bolt 0.5 0.5 0.1 0.1", "has 'bolt', which is no number"),
        ("0,0.5,0.5,0.1,0.1", "has '0,0.5,0.5,0.1,0.1', which is no number"),
        ("0 320 240 64 48", "has the number 320, and all but the class are shares of the image"),
        ("0 0.5 0.5 nan 0.1", "has the number nan"),
        ("0 0.5 -0.01 0.1 0.1", "has the number -0.01"),
        ("0 0.5 0.5 0 0.1", "is an object without width or height"),
        ("0 .1 .1 .2 .1 .3 .1", "is an object without width or height"),
    ],
)
def test_what_is_no_label(write, text, says):
    path = write("0 0.5 0.5 0.1 0.1", "", text)
    with pytest.raises(DataError) as caught:
        boxes(path)
    assert str(caught.value).startswith(f"{path}:3: {says}")


def test_a_box_is_no_mask(write):
    path = write(line(0, [(0, 0), (1, 0), (1, 1)]), "0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match=r"a\.txt:2: is a box without an outline"):
        mask(path)


def test_an_outline_that_would_fill_the_memory(write):
    path = write(line(0, [(0, 0), (1, 1)] * 5000))
    with pytest.raises(DataError, match=r"a\.txt:1: goes up and down too often"):
        mask(path)


def test_damaged_files(write, tmp_path):
    with pytest.raises(DataError, match=r"no\.txt: the file is missing"):
        boxes(tmp_path / "no.txt")
    path = write("0 0.5 0.5 0.1 0.1", "1 0.5 0.5 0.1 0.1 # Stühle", encoding="latin-1")
    with pytest.raises(DataError, match=r"a\.txt:2: is not UTF-8: save it as UTF-8"):
        boxes(path)
    path.write_bytes(codecs.BOM_UTF16_LE + b"\x00\xd8\x00")
    with pytest.raises(DataError, match=r"a\.txt:1: is not UTF-8"):
        boxes(path)
