"""COCO's annotation files: boxes and masks against pycocotools, and what is said of bad ones."""

import json
import pickle

import numpy as np
import pytest
from pycocotools import mask as reference

from datasets.formats.coco_json import CROWD, CocoAnnotations, CocoBoxes, CocoMasks
from tasks.segmentation import VOID
from utils.errors import DataError

CATEGORIES = [{"id": 3, "name": "nut"}, {"id": 1, "name": "screw"}, {"id": 90, "name": "bolt"}]
SIZE = (40, 60)


def square(x, y, side):
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def annotation(number=1, image=1, category=1, **other):
    entry = {"id": number, "image_id": image, "category_id": category, "iscrowd": 0}
    return entry | {"bbox": [10, 5, 20, 20], "segmentation": [square(10, 5, 20)]} | other


def write(path, annotations, images=None, **other):
    named = images or [{"id": 1, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]}]
    content = {"images": named, "annotations": annotations, "categories": CATEGORIES} | other
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def load(tmp_path):
    def loaded(*annotations, classes=None, **other):
        return CocoAnnotations.load(write(tmp_path / "a.json", annotations, **other), classes)

    return loaded


class TestImages:
    def images(self, *names):
        return [
            {"id": 10 - k, "file_name": name, "height": 40, "width": 60}
            for k, name in enumerate(names)
        ]

    def test_each_has_its_own_objects_whatever_their_order(self, load):
        result = load(
            annotation(1, image=9, bbox=[0, 0, 4, 4]),
            annotation(2, image=10, bbox=[1, 1, 4, 4]),
            annotation(3, image=9, bbox=[2, 2, 4, 4]),
            images=self.images("a.jpg", "b.jpg", "c.jpg"),
        )
        assert result.names == ["a.jpg", "b.jpg", "c.jpg"]
        corners = {name: result.image(name).boxes(SIZE)[0][:, 0].tolist() for name in result.names}
        assert corners == {"a.jpg": [1], "b.jpg": [0, 2], "c.jpg": []}
        assert result.image("c.jpg").boxes(SIZE)[0].shape == (0, 4)
        assert not result.image("c.jpg").mask(SIZE).any()

    def test_found_by_name_by_path_and_without_folder(self, load, tmp_path):
        result = load(images=self.images("left/a.jpg", "right/a.jpg", "left\\b.jpg", "c.jpg"))
        for asked, name in {
            "left/a.jpg": "left/a.jpg",
            tmp_path / "images/right/a.jpg": "right/a.jpg",
            "b.jpg": "left/b.jpg",
            "other/c.jpg": "c.jpg",
        }.items():
            assert result.image(asked).name == name
        assert result.image("a.jpg") is None  # of two
        assert result.image("d.jpg") is None
        assert result.image("c.jpg").file == tmp_path / "a.json"

    def test_labels_go_to_other_processes(self, load):
        label = load(annotation()).image("a.jpg")
        again = pickle.loads(pickle.dumps(label))
        np.testing.assert_array_equal(again.mask(SIZE), label.mask(SIZE))


class TestClasses:
    def test_are_in_the_order_of_the_ids_unless_given(self, load):
        entries = [annotation(k, category=number) for k, number in enumerate((1, 3, 90))]
        result = load(*entries)
        assert result.classes == ("screw", "nut", "bolt")
        assert result.image("a.jpg").boxes(SIZE)[1].tolist() == [0, 1, 2]
        result = load(*entries, classes=("background", "bolt", "nut", "screw"))
        assert result.classes == ("background", "bolt", "nut", "screw")
        assert result.image("a.jpg").boxes(SIZE)[1].tolist() == [3, 2, 1]

    def test_an_object_of_a_class_that_is_not_wanted(self, load):
        load(annotation(category=1), classes=("screw",))
        with pytest.raises(DataError, match="annotation 7 is of the category 3, whose name is no"):
            load(annotation(7, category=3), classes=("screw",))

    def test_none_of_the_classes_is_there(self, load):
        with pytest.raises(DataError, match=r"its categories \(nut, screw, bolt\) is one"):
            load(annotation(), classes=("car", "person"))


class TestBoxes:
    def test_x_y_width_height_are_edges(self, load):
        boxes, category, crowd = (
            load(annotation(bbox=[1.5, 2.25, 10, 20.5])).image("a.jpg").boxes(SIZE)
        )
        assert boxes.dtype == np.float32
        assert boxes.tolist() == [[1.5, 2.25, 11.5, 22.75]]
        assert (category.tolist(), crowd.tolist()) == ([0], [False])

    def test_what_reaches_past_the_image_is_clipped(self, load):
        boxes, _, _ = load(annotation(bbox=[-1, 30, 70, 20])).image("a.jpg").boxes(SIZE)
        assert boxes.tolist() == [[0, 30, 60, 40]]

    @pytest.mark.parametrize("box", [[5, 5, 0, 8], [5, 5, 8, 0], [60, 10, 1, 5]])
    def test_without_an_area_they_are_left_out(self, load, box):
        # COCO 2017 has such.
        assert len(load(annotation(bbox=box)).image("a.jpg").boxes(SIZE)[0]) == 0

    def test_scaled_to_an_image_of_another_size(self, load):
        boxes, _, _ = load(annotation()).image("a.jpg").boxes((80, 120))
        assert boxes.tolist() == [[20, 10, 60, 50]]

    def test_an_image_of_another_shape_is_refused(self, load):
        label = load(annotation()).image("a.jpg")
        for read in (label.boxes, label.mask):
            with pytest.raises(
                DataError, match=r"a\.jpg: is for an image of 60 x 40 pixels, .* has 40 x 60"
            ):
                read((60, 40))

    def test_the_task_s_targets(self, load):
        result = load(annotation(), annotation(2, category=90, iscrowd=1))
        target = CocoBoxes(("bolt", "screw", "nut"), result).label("a.jpg").read(SIZE)
        assert target.dtype == np.float32
        assert target.tolist() == [[10, 5, 30, 25, 1, 0], [10, 5, 30, 25, 0, 1]]
        with pytest.raises(DataError, match="unknown class 'bolt'"):
            CocoBoxes(("screw", "nut"), result).label("a.jpg").read(SIZE)


class TestMasks:
    def test_a_square_is_its_pixels(self, load):
        mask = load(annotation(category=3)).image("a.jpg").mask(SIZE)
        expected = np.zeros(SIZE, np.uint8)
        expected[5:25, 10:30] = 2
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, expected)

    def test_the_smaller_is_in_front_and_all_are_before_a_crowd(self, load):
        mask = (
            load(
                annotation(1, category=1, segmentation=[square(12, 12, 4)]),
                annotation(2, category=3, segmentation=[square(10, 10, 20)]),
                annotation(3, category=90, segmentation=[square(10, 10, 2)], iscrowd=1),
                annotation(4, category=90, segmentation=[square(28, 10, 10)], iscrowd=1),
            )
            .image("a.jpg")
            .mask(SIZE)
        )
        assert mask[13, 13] == 1
        assert mask[10, 10] == mask[11, 29] == 2
        assert mask[11, 31] == CROWD

    def test_polygons_of_an_object_are_united(self, load):
        parts = [square(10, 5, 6), square(13, 5, 6), square(40, 20, 3)]
        mask = load(annotation(segmentation=parts)).image("a.jpg").mask(SIZE)
        assert mask[5:11, 10:19].all()
        assert mask.sum() == 6 * 9 + 9

    def test_the_task_s_targets_are_by_name(self, load):
        result = load(
            annotation(category=90), annotation(2, iscrowd=1, segmentation=[square(0, 0, 3)])
        )

        def read(*classes, size=SIZE):
            return CocoMasks(classes, result).label("a.jpg").read(size)

        with_background = read("background", "nut", "screw", "bolt")
        assert with_background[10, 15] == 3
        assert with_background[30, 50] == 0
        assert with_background[1, 1] == VOID
        without = read("bolt", "screw", "nut")
        assert without[10, 15] == 0
        assert without[30, 50] == VOID
        larger = read("bolt", "screw", "nut", size=(80, 120))
        np.testing.assert_array_equal(larger, without.repeat(2, 0).repeat(2, 1))
        with pytest.raises(DataError, match="category 'nut' is none of the classes"):
            read("bolt", "screw")

    @pytest.mark.parametrize("nothing", [None, []])
    def test_an_object_without_an_outline_is_named(self, load, nothing):
        label = load(annotation(12, segmentation=nothing)).image("a.jpg")
        assert len(label.boxes(SIZE)[0]) == 1
        with pytest.raises(DataError, match="annotation 12 has no outline"):
            label.mask(SIZE)

    @pytest.mark.filterwarnings("ignore:__array__")
    def test_random_run_lengths_are_those_of_pycocotools(self, load):
        rng = np.random.default_rng(0)
        for share in (0.0, 0.02, 0.5, 1.0):
            inside = rng.random(SIZE) < share
            packed = reference.encode(np.asfortranarray(inside.astype(np.uint8)))
            packed["counts"] = packed["counts"].decode()
            plain = {"size": list(SIZE), "counts": plain_runs(inside)}
            for stored in (packed, plain):
                result = load(annotation(segmentation=stored)).image("a.jpg").outlines()
                np.testing.assert_array_equal(result, [inside])

    @pytest.mark.filterwarnings("ignore:__array__")
    def test_random_polygons_are_those_of_pycocotools_but_for_pixels_on_the_outline(self, load):
        rng = np.random.default_rng(1)
        for _ in range(60):
            points = rng.uniform(0, 1, (rng.integers(3, 12), 2)) * [SIZE[1], SIZE[0]]
            stored = [points.ravel().tolist()]
            (ours,) = load(annotation(segmentation=stored)).image("a.jpg").outlines()
            theirs = reference.decode(reference.frPyObjects(stored, *SIZE))[..., 0].astype(bool)
            for y, x in zip(*np.nonzero(ours != theirs), strict=True):
                assert distance_to_outline((x + 0.5, y + 0.5), points) < 0.3

    def test_polygons_may_leave_the_image(self, load):
        result = load(annotation(segmentation=[square(-30, -1e6, 1e7)])).image("a.jpg").outlines()
        assert result[0].all()


def plain_runs(mask):
    """The run lengths of a mask, one pixel after the other."""
    runs, inside = [0], False
    for pixel in mask.T.ravel():
        if pixel != inside:
            runs.append(0)
            inside = not inside
        runs[-1] += 1
    return runs


def distance_to_outline(point, polygon):
    start, stop = polygon, np.roll(polygon, -1, axis=0)
    along = ((point - start) * (stop - start)).sum(1) / ((stop - start) ** 2).sum(1)
    nearest = start + np.clip(along, 0, 1)[:, None] * (stop - start)
    return np.linalg.norm(point - nearest, axis=1).min()


class TestBadFiles:
    """Each is refused with one line that names the file, and the annotation."""

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"bbox": [1, 2, float("nan"), 4]}, "has the box 1 2 nan 4"),
            ({"bbox": [1, 2, -3, 4]}, "whose width or height is negative"),
            ({"bbox": [1, 2, 3]}, "not four numbers"),
            ({"bbox": ["a", 2, 3, 4]}, "not four numbers"),
            ({"bbox": None}, "not four numbers"),
            ({"bbox": [100, 2, 3, 4]}, "lies outside of its image a.jpg of 60 x 40"),
            ({"image_id": 5}, "is of the image 5, which 'images' does not list"),
            ({"category_id": 2}, "is of the category 2, which 'categories' does not list"),
            ({"segmentation": [[1, 2, 3]]}, "a polygon that is not"),
            ({"segmentation": [[1, 2, 3, float("inf"), 5, 6]]}, "a polygon that is not"),
            ({"segmentation": [[1, 2, "x", 4, 5, 6]]}, "neither polygons nor"),
            ({"segmentation": square(1, 1, 3)}, "a polygon that is not"),
            ({"segmentation": {"size": [40, 60], "counts": [1, 2]}}, "do not add up"),
            ({"segmentation": {"size": [60, 40], "counts": [2400]}}, "of the size [60, 40]"),
            ({"segmentation": {"size": [40, 60], "counts": [-5, 2405]}}, "do not add up"),
            ({"segmentation": {"size": [40, 60], "counts": "\u00e9"}}, "cannot be read"),
            ({"segmentation": {"size": [40, 60], "counts": "o"}}, "cannot be read"),
            ({"segmentation": {"size": [40, 60], "counts": []}}, "cannot be read"),
            ({"segmentation": {"counts": [2400]}}, "cannot be read"),
            ({"segmentation": {"size": [40, 60], "counts": "o" * 9 + "0"}}, "cannot be read"),
            ({"segmentation": {"size": [40, 60], "counts": [[2400]]}}, "cannot be read"),
            ({"segmentation": {"size": [40, 60], "counts": [2400.5]}}, "do not add up"),
            ({"segmentation": {"size": [[40], 60], "counts": [2400]}}, "do not add up"),
            (
                {"segmentation": {"size": [40, 60], "counts": [2**62] * 4}},
                "cannot be read",
            ),
            ({"segmentation": {"size": 7, "counts": [2400]}}, "cannot be read"),
            ({"segmentation": [[1, 2, 3, 1e30, 5, 6]]}, "a polygon that is not"),
            ({"segmentation": [[1, 2, 3, 10**30, 5, 6]]}, "neither polygons nor"),
            ({"segmentation": [[0, 0, 9, 40] * 2**17]}, "go up and down too often"),
            ({"segmentation": 5}, "neither polygons nor"),
            ({"bbox": [1, 2, 10**400, 4]}, "not all of which are numbers"),
            ({"bbox": [1, 2, 1e30, 4]}, "not all of which are numbers"),
            ({"bbox": [1, 2, [3], 4]}, "not four numbers"),
            ({"bbox": [1, 2, True, 4]}, "not four numbers"),
            ({"bbox": "1234"}, "not four numbers"),
            ({"bbox": {"1": 0, "2": 0, "3": 0, "4": 0}}, "not four numbers"),
            ({"iscrowd": [0]}, "has the 'iscrowd' [0]"),
            ({"image_id": [1]}, "has the 'image_id' [1]"),
            ({"category_id": {}}, "has the 'category_id' {}"),
            ({"image_id": float("inf")}, "is of the image inf, which"),
            ({"category_id": 1e30}, "is of the category 1e+30, which"),
        ],
    )
    def test_an_annotation(self, load, tmp_path, changes, says):
        with pytest.raises(DataError) as caught:
            load(annotation(1), annotation(42) | changes)
        assert str(caught.value).startswith(f"{tmp_path / 'a.json'}: annotation 42 ")
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("number", [2**63, 1e30, [42], "42", None])
    def test_an_annotation_without_a_proper_id(self, load, number):
        with pytest.raises(DataError, match=r"a\.json: annotation .* has the 'id' .*not a whole"):
            load(annotation(number))

    @pytest.mark.parametrize("gone", ["id", "category_id", "bbox", "image_id"])
    def test_an_annotation_that_lacks_something(self, load, tmp_path, gone):
        entry = annotation(42)
        del entry[gone]
        with pytest.raises(DataError) as caught:
            load(entry)
        assert str(caught.value).startswith(f"{tmp_path / 'a.json'}: annotation ")
        assert gone in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("", "cannot be read as JSON"),
            ('{"images": [{"id"', "cannot be read as JSON"),
            ("[" * 100_000, "cannot be read as JSON"),
            ('"\udcff"', "cannot be read as JSON"),
            ('[{"image_id": 1}]', ""),  # a file of detections
            ("[1]", "is not a COCO annotation file"),
            ("{}", "has no list 'images'"),
            ('{"images": []}', "its list 'images' is empty"),
            ('{"images": [3]}', "image number 1"),
            ('{"images": [{"id": 1, "file_name": "a.jpg"}]}', "image number 1"),
        ],
    )
    def test_a_file(self, tmp_path, content, says):
        path = tmp_path / "a.json"
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(DataError) as caught:
            CocoAnnotations.load(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(DataError, match=r"no\.json: the file is missing"):
            CocoAnnotations.load(tmp_path / "no.json")

    @pytest.mark.parametrize(
        ("images", "says"),
        [
            ([{"id": 1, "file_name": "a.jpg", "height": 0, "width": 4}], "is not positive"),
            ([{"id": 1, "file_name": "a.jpg", "height": 4, "width": 4}] * 2, "the same 'id'"),
            (
                [{"id": k, "file_name": "a.jpg", "height": 4, "width": 4} for k in (1, 2)],
                "the same 'file_name'",
            ),
        ],
    )
    def test_images(self, load, images, says):
        self.refuses_images(load, images, says)

    @pytest.mark.parametrize(
        "changes",
        [
            *({"height": value} for value in (float("inf"), 1e30, 10**30, [4], "4", True, None)),
            *({"id": value} for value in ([1], {})),
            *({"file_name": value} for value in ("", ["a.jpg"], 5, None)),
        ],
    )
    def test_an_image(self, load, changes):
        entry = {"id": 1, "file_name": "a.jpg", "height": 4, "width": 4}
        self.refuses_images(load, [entry | changes], "image number 1 of the list")

    def test_an_image_of_gigapixels(self, load):
        entry = {"id": 1, "file_name": "a.jpg", "height": 60_000, "width": 60_000}
        self.refuses_images(load, [entry], "60000 x 60000, .* larger than images that are read")

    def refuses_images(self, load, images, says):
        with pytest.raises(DataError, match=says):
            load(images=images)

    @pytest.mark.parametrize(
        "categories",
        [
            *([{"id": 1}], [3], [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}], []),
            *([{"id": 1, "name": name}] for name in ("", ["a"], 5, None, "a" * 5000, "a\x07")),
            *([{"id": number, "name": "a"}] for number in ([1], {})),
        ],
    )
    def test_categories(self, load, categories):
        with pytest.raises(DataError, match="categor"):
            load(categories=categories)
