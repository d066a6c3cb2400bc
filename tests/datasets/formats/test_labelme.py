"""Labelme's files: shapes of all kinds as boxes and masks, and what is said of the others."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from datasets.formats import Label
from datasets.formats.labelme import LabelmeBoxes, LabelmeMasks
from tests.labels import custom_dataset
from utils.errors import ConfigError, DataError

SIZE = (40, 60)
CLASSES = ("bolt", "nut")


def shape(points, label="bolt", kind="polygon", group=None, **other):
    stored = {"label": label, "points": points, "group_id": group, "shape_type": kind}
    return stored | {"flags": {}, "description": ""} | other


def packed(mask):
    """A mask as Labelme stores it: a PNG of 0 and 1 in base64."""
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def write(tmp_path):
    def written(*shapes, name="a.json", **other):
        content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg"}
        content |= {"imageData": "no base64", "imageHeight": SIZE[0], "imageWidth": SIZE[1]}
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content | other))
        return path

    return written


def boxes(path, size=SIZE, classes=CLASSES):
    return Label(LabelmeBoxes(classes), (path,)).read(size)


def mask(path, size=SIZE, classes=("background", *CLASSES)):
    return Label(LabelmeMasks(classes), (path,)).read(size)


class TestShapes:
    def test_a_polygon(self, write):
        path = write(shape([[10, 5], [30.5, 5], [30.5, 25], [10, 25]], "nut"))
        assert boxes(path).tolist() == [[10, 5, 30.5, 25, 1, 0]]
        assert boxes(path).dtype == np.float32
        expected = np.zeros(SIZE, np.uint8)
        expected[5:25, 10:30] = 2
        np.testing.assert_array_equal(mask(path), expected)

    @pytest.mark.parametrize("points", [[[30, 5], [10, 25]], [[10, 25], [30, 5]]])
    def test_a_rectangle_from_any_corner(self, write, points):
        path = write(shape(points, kind="rectangle"))
        assert boxes(path).tolist() == [[10, 5, 30, 25, 0, 0]]
        assert mask(path)[5:25, 10:30].all()
        assert mask(path).sum() == 400

    def test_a_circle_is_its_centre_and_a_point_on_it(self, write):
        path = write(shape([[30, 20], [33, 24]], kind="circle"))
        assert boxes(path).tolist() == [[25, 15, 35, 25, 0, 0]]
        y, x = np.mgrid[:40, :60] + 0.5
        np.testing.assert_array_equal(mask(path), (x - 30) ** 2 + (y - 20) ** 2 <= 25)

    def test_random_masks_are_read_to_the_bit(self, write):
        rng = np.random.default_rng(0)
        for _ in range(20):
            height, width = rng.integers(1, 12, 2)
            top, left = rng.integers(0, 40 - height + 1), rng.integers(0, 60 - width + 1)
            inside = rng.random((height, width)) < 0.5
            corners = [[left, top], [left + width - 1, top + height - 1]]
            corners = [[int(x), int(y)] for x, y in corners]
            path = write(shape(corners, kind="mask", mask=packed(inside)))
            expected = np.zeros(SIZE, np.uint8)
            expected[top : top + height, left : left + width] = inside
            np.testing.assert_array_equal(mask(path), expected)
            assert boxes(path).tolist() == [[left, top, left + width, top + height, 0, 0]]

    def test_a_mask_that_leaves_the_image(self, write):
        inside = np.ones((6, 8), bool)
        for x, y in ((-3, -2), (55, 37)):
            path = write(shape([[x, y], [x + 7, y + 5]], kind="mask", mask=packed(inside)))
            expected = np.zeros((60, 80), np.uint8)
            expected[10 + y : 16 + y, 10 + x : 18 + x] = 1
            np.testing.assert_array_equal(mask(path), expected[10:50, 10:70])

    def test_later_shapes_are_in_front(self, write):
        path = write(
            shape([[10, 5], [30, 25]], "nut", "rectangle"),
            shape([[20, 5], [40, 25]], "bolt", "rectangle"),
        )
        assert (mask(path)[10, [15, 25, 35]] == [2, 1, 1]).all()

    def test_the_shapes_of_a_group_and_a_label_are_one_object(self, write):
        path = write(
            shape([[10, 5], [12, 7]], kind="rectangle", group=1),
            shape([[1, 1], [3, 3]], kind="rectangle"),
            shape([[30, 20], [33, 24]], kind="rectangle", group=1),
            shape([[5, 5], [9, 9]], "nut", "rectangle", group=1),
        )
        assert boxes(path).tolist() == [
            [10, 5, 33, 24, 0, 0],
            [1, 1, 3, 3, 0, 0],
            [5, 5, 9, 9, 1, 0],
        ]

    def test_no_shapes(self, write):
        assert boxes(write()).shape == (0, 6)
        assert not mask(write()).any()

    def test_what_reaches_past_the_image_is_clipped_and_told(self, write):
        path = write(
            shape([[-5, 5], [20, 25]], kind="rectangle"), shape([[1, 1], [60.5, 3], [5, 9]])
        )
        assert boxes(path)[:, :4].tolist() == [[0, 5, 20, 25], [1, 1, 60, 9]]
        stored = LabelmeBoxes(CLASSES)
        assert stored.clipped(Label(stored, (path,))) == ["bolt"]

    def test_an_image_of_another_size(self, write):
        path = write(shape([[10, 5], [30, 25]], kind="rectangle"))
        assert boxes(path, (80, 120)).tolist() == [[20, 10, 60, 50, 0, 0]]
        np.testing.assert_array_equal(
            mask(path, (80, 120)), mask(path).repeat(2, axis=0).repeat(2, axis=1)
        )
        for read in (boxes, mask):
            with pytest.raises(DataError, match=r"a\.json: is for an image of 60 x 40 pixels"):
                read(path, (60, 40))


def test_a_dataset_of_its_own(write, tmp_path):
    for name in "ab":
        (tmp_path / "own").mkdir(exist_ok=True)
        Image.new("RGB", SIZE[::-1]).save(tmp_path / f"own/{name}.jpg")
    write(shape([[10, 5], [30, 25]], "nut", "rectangle"), name="own/labels/a.json")
    words = {"segmentation": "labels/*.json", "detection": "labels/*.json", "classes": "bolt nut"}
    split = custom_dataset("own", images="*.jpg", **words).read(tmp_path, "train")
    assert split.classes == {
        "segmentation": ("background", "bolt", "nut"),
        "detection": ("bolt", "nut"),
    }
    labelled, other = split.samples
    assert not other.labels
    assert labelled.labels["segmentation"].read(SIZE)[10, 15] == 2
    label = labelled.labels["detection"]
    assert label.read(SIZE).tolist() == [[10, 5, 30, 25, 1, 0]]
    assert label.format.class_names(label) == {"nut"}
    assert label.format.stored_size(label) == SIZE


def test_masks_of_numbers_and_outlines_in_one_pattern(write, tmp_path):
    (tmp_path / "own").mkdir()
    for name in "ab":
        Image.new("RGB", SIZE[::-1]).save(tmp_path / f"own/{name}.jpg")
    write(name="own/labels/a.json")
    Image.new("L", SIZE[::-1]).save(tmp_path / "own/labels/b.png")
    section = custom_dataset("own", images="*.jpg", segmentation="labels/*.*", classes="bolt nut")
    with pytest.raises(ConfigError, match="masks of numbers and outlines of objects"):
        section.read(tmp_path, "train")


class TestBadFiles:
    @pytest.mark.parametrize(
        ("stored", "says"),
        [
            (shape([[1, 2]], kind="point"), "shape 2 ('bolt') is a point of 1 points"),
            (shape([[1, 2], [3, 4]], kind="line"), "shape 2 ('bolt') is a line of 2 points"),
            (shape([[1, 2]] * 4, kind="linestrip"), "shape 2 ('bolt') is a linestrip of 4"),
            (shape([[1, 2]] * 3, kind="circle"), "is a circle of 3 points"),
            (shape([[1, 2], [3, 4]]), "is a polygon of 2 points; it wants 3 or more"),
            (shape([[1, 2], [1, 4]], kind="rectangle"), "is empty, or lies outside"),
            (shape([[61, 2], [70, 9]], kind="rectangle"), "lies outside the image of 60 x 40"),
            (shape([[1, 2], [3, float("nan")], [5, 6]]), "'points' that are no list of x, y"),
            (shape([[1, 2, 3], [3, 4, 5]]), "'points' that are no list of x, y"),
            (shape([]), "'points' that are no list of x, y"),
            (shape([[0, 0], [9, 40]] * 2**18), "goes up and down too often"),
            (shape([[1, 2], [3, 4], [5, 9]], ""), "shape 2 has no 'label'"),
            (shape([[1, 2], [3, 4], [5, 9]], group=[1]), "a 'group_id' that is no number"),
            (5, "shape 2 has no 'label'"),
            (shape([[1, 2], [3, 4]], kind="mask"), "is a mask without the PNG 'mask'"),
            (shape([[1, 2], [3, 4]], kind="mask", mask="?"), "cannot be read as a mask"),
            (shape([[1, 2], [3, 4]], kind="mask", mask="AAAA"), "cannot be read as an image"),
            (
                shape([[1, 2], [3, 4]], kind="mask", mask=packed(np.ones((2, 3)))),
                "has a mask of the shape (2, 3), but its box is of (3, 3) pixels",
            ),
        ],
    )
    def test_a_shape(self, write, stored, says):
        path = write(shape([[10, 5], [30, 25]], kind="rectangle"), stored)
        for read in (boxes, mask):
            with pytest.raises(DataError) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path}: ")
            assert says in str(caught.value)

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"imageHeight": None}, "has no 'imageHeight' and 'imageWidth' that are numbers"),
            ({"imageWidth": 0}, "its size, 0 x 40, is not that of an image"),
            ({"imageWidth": 1e8}, "is not that of an image"),
            ({"shapes": None}, "is no Labelme file: it has no list 'shapes'"),
            ({"annotations": []}, "is a COCO JSON, which serves all images"),
        ],
    )
    def test_a_file(self, write, changes, says):
        path = write(**changes)
        for read in (boxes, mask):
            with pytest.raises(DataError, match=rf"a\.json: .*{says}"):
                read(path)

    def test_an_unknown_class(self, write):
        path = write(shape([[10, 5], [30, 25]], "divan", "rectangle"))
        for read in (boxes, mask):
            with pytest.raises(DataError, match=r"a\.json: unknown class 'divan'; known are"):
                read(path)

    def test_half_a_file(self, write):
        path = write(shape([[10, 5], [30, 25]], kind="rectangle"))
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(DataError, match=r"a\.json: cannot be read as JSON"):
            boxes(path)
