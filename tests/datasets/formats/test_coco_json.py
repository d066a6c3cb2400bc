"""COCO's annotation files: boxes and masks against pycocotools, and what is said of bad ones."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as reference

from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.coco_json import CocoBoxes, CocoMasks
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


def boxes_of(stored, classes=None, size=SIZE, row=0, image="a.jpg"):
    """What the task learns of an image's boxes."""
    return CocoBoxes(classes or stored.classes, stored).label(row, image).read(size)


def mask_of(stored, classes=None, size=SIZE, image="a.jpg"):
    """What the task learns of the mask of the first image."""
    classes = classes or ("background", *stored.classes)
    return CocoMasks(classes, stored).label(0, image).read(size)


@pytest.fixture
def load(tmp_path):
    def loaded(*annotations, **other):
        return CocoAnnotations.load(write(tmp_path / "a.json", annotations, **other))

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
            images=self.images("a.jpg", "left\\b.jpg", "c.jpg"),
        )
        assert result.names == ["a.jpg", "left/b.jpg", "c.jpg"]
        corners = [boxes_of(result, row=row)[:, 0].tolist() for row in range(3)]
        assert corners == [[1], [0, 2], []]
        assert boxes_of(result, row=2).shape == (0, 6)

    def test_labels_go_to_other_processes(self, load):
        label = load(annotation()).image(0)
        again = pickle.loads(pickle.dumps(label))
        np.testing.assert_array_equal(again.mask(SIZE, [1] * 3), label.mask(SIZE, [1] * 3))

    def test_without_a_size_boxes_are_in_the_pixels_of_the_image(self, load, tmp_path):
        Image.new("RGB", SIZE[::-1]).save(tmp_path / "a.png")
        images = [{"id": 1, "file_name": "a.png"}]
        result = load(annotation(), annotation(7, bbox=[50, 5, 11, 5]), images=images)
        stored = CocoBoxes(result.classes, result)
        label = stored.label(0, tmp_path / "a.png")
        assert stored.stored_size(label) == SIZE
        assert label.read(SIZE)[:, :4].tolist() == [[10, 5, 30, 25], [50, 5, 60, 10]]
        assert stored.decided(label)["size"] == "of the image: 'images' states none"
        assert (mask_of(result) == 1).sum() == 400
        result = load(annotation(7, bbox=[100, 5, 20, 5]), images=images)
        with pytest.raises(
            DataError, match=r"annotation 7 reaches past its image a\.png of 60 x 40"
        ):
            boxes_of(result)

    def test_run_lengths_know_the_size_of_an_image(self, load):
        runs = {"size": [40, 60], "counts": [0, 2400]}
        result = load(annotation(segmentation=runs), images=[{"id": 1, "file_name": "a.jpg"}])
        assert mask_of(result, size=(80, 120)).all()
        assert result.image(0).size == SIZE


class TestIds:
    @pytest.mark.parametrize(
        ("image", "annotated"), [(1, 1), (1.0, 1), (1, 1.0), ("x7", "x7"), (0, 0), (-3, -3)]
    )
    def test_of_images(self, load, image, annotated):
        images = [{"id": image, "file_name": "a.jpg", "height": 40, "width": 60}]
        assert len(boxes_of(load(annotation(image=annotated), images=images))) == 1

    @pytest.mark.parametrize(("category", "annotated"), [(0, 0), (1.0, 1), ("b", "b")])
    def test_of_categories(self, load, category, annotated):
        categories = [{"id": category, "name": "nut"}]
        result = load(annotation(category=annotated), categories=categories)
        assert boxes_of(result)[0, 4] == 0

    @pytest.mark.parametrize(
        ("number", "called"),
        [
            ("k-7", "annotation k-7"),
            (7.0, "annotation 7"),
            (2**63, f"annotation {2**63}"),
            (None, "annotation number 2 of 'annotations'"),
            ([7], "annotation number 2 of 'annotations'"),
        ],
    )
    def test_of_annotations(self, load, number, called):
        result = load(annotation(1), annotation(number, segmentation=[]))
        assert len(boxes_of(result)) == 2
        with pytest.raises(DataError, match=f"{called} has no outline"):
            mask_of(result)


class TestClasses:
    def test_are_in_the_order_of_the_ids(self, load):
        entries = [annotation(k, category=number) for k, number in enumerate((1, 3, 90))]
        result = load(*entries)
        assert result.classes == ("screw", "nut", "bolt")
        assert boxes_of(result)[:, 4].tolist() == [0, 1, 2]
        assert boxes_of(result, ("background", "bolt", "nut", "screw"))[:, 4].tolist() == [3, 2, 1]

    def test_ids_that_are_texts_are_in_the_order_of_the_file(self, load):
        categories = [{"id": name[0], "name": name} for name in ("nut", "bolt")]
        assert load(categories=categories).classes == ("nut", "bolt")

    def test_two_ids_of_one_name_are_one_class(self, load):
        categories = [*CATEGORIES, {"id": 7, "name": "nut"}]
        result = load(annotation(category=7), annotation(2, category=3), categories=categories)
        assert result.classes == ("screw", "nut", "bolt")
        assert boxes_of(result)[:, 4].tolist() == [1, 1]
        stored = CocoBoxes(result.classes, result)
        told = stored.decided(stored.label(0, "a.jpg"))["classes"]
        assert told == "by the names of the categories; the ids 3, 7 are one class, nut"

    def test_a_class_of_no_category_is_told_with_the_nearest(self, load):
        result = load(annotation())
        stored = CocoBoxes(("screw", "botl"), result)
        assert stored.decided(stored.label(0, "a.jpg"))["classes"] == (
            "by the names of the categories; no category is called botl; did you mean bolt?"
        )
        assert stored.class_names(stored.label(0, "a.jpg")) == {"screw"}


class TestBoxes:
    def test_x_y_width_height_are_edges(self, load):
        result = load(annotation(bbox=[1.5, 2.25, 10, 20.5]))
        boxes, category, crowd = result.image(0).boxes(SIZE)
        assert boxes.dtype == np.float32
        assert boxes.tolist() == [[1.5, 2.25, 11.5, 22.75]]
        assert (category.tolist(), crowd.tolist()) == ([0], [False])

    def test_what_reaches_past_the_image_is_clipped(self, load):
        boxes, _, _ = load(annotation(bbox=[-1, 30, 70, 20])).image(0).boxes(SIZE)
        assert boxes.tolist() == [[0, 30, 60, 40]]

    @pytest.mark.parametrize("box", [[5, 5, 0, 8], [5, 5, 8, 0], [60, 10, 1, 5]])
    def test_without_an_area_they_are_left_out(self, load, box):
        # COCO 2017 has such.
        assert len(load(annotation(bbox=box)).image(0).boxes(SIZE)[0]) == 0

    def test_scaled_to_an_image_of_another_size(self, load):
        boxes, _, _ = load(annotation()).image(0).boxes((80, 120))
        assert boxes.tolist() == [[20, 10, 60, 50]]

    def test_an_image_of_another_shape_is_refused(self, load):
        result = load(annotation())
        for read in (boxes_of, mask_of):
            with pytest.raises(
                DataError, match=r"a\.jpg: is for an image of 60 x 40 pixels, .* has 40 x 60"
            ):
                read(result, size=(60, 40))

    def test_the_task_s_targets(self, load):
        result = load(annotation(), annotation(2, category=90, iscrowd=1))
        target = boxes_of(result, ("bolt", "screw", "nut"))
        assert target.dtype == np.float32
        assert target.tolist() == [[10, 5, 30, 25, 1, 0], [10, 5, 30, 25, 0, 1]]
        with pytest.raises(DataError, match="unknown class 'bolt'"):
            boxes_of(result, ("screw", "nut"))


class TestMasks:
    def test_a_square_is_its_pixels(self, load):
        mask = mask_of(load(annotation(category=3)))
        expected = np.zeros(SIZE, np.uint8)
        expected[5:25, 10:30] = 2
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, expected)

    def test_the_smaller_is_in_front_and_all_are_before_a_crowd(self, load):
        mask = mask_of(
            load(
                annotation(1, category=1, segmentation=[square(12, 12, 4)]),
                annotation(2, category=3, segmentation=[square(10, 10, 20)]),
                annotation(3, category=90, segmentation=[square(10, 10, 2)], iscrowd=1),
                annotation(4, category=90, segmentation=[square(28, 10, 10)], iscrowd=1),
            )
        )
        assert mask[13, 13] == 1
        assert mask[10, 10] == mask[11, 29] == 2
        assert mask[11, 31] == VOID

    def test_polygons_of_an_object_are_united(self, load):
        parts = [square(10, 5, 6), square(13, 5, 6), square(40, 20, 3)]
        mask = mask_of(load(annotation(segmentation=parts)))
        assert mask[5:11, 10:19].all()
        assert mask.sum() == 6 * 9 + 9

    def test_the_task_s_targets_are_by_name(self, load):
        result = load(
            annotation(category=90), annotation(2, iscrowd=1, segmentation=[square(0, 0, 3)])
        )

        def read(*classes, size=SIZE):
            return mask_of(result, classes, size)

        with_background = read("background", "nut", "screw", "bolt")
        assert with_background[10, 15] == 3
        assert with_background[30, 50] == 0
        assert with_background[1, 1] == VOID
        without = read("bolt", "screw", "nut")
        assert without[10, 15] == 0
        assert without[30, 50] == VOID
        larger = read("bolt", "screw", "nut", size=(80, 120))
        np.testing.assert_array_equal(larger, without.repeat(2, 0).repeat(2, 1))
        assert read("bolt", "screw")[10, 15] == 0, "no nut is there"
        with pytest.raises(DataError, match="unknown class 'bolt'"):
            read("nut", "screw")

    @pytest.mark.parametrize("nothing", [None, []])
    def test_an_object_without_an_outline_is_named(self, load, nothing):
        result = load(annotation(12, segmentation=nothing))
        assert len(boxes_of(result)) == 1
        with pytest.raises(DataError, match="annotation 12 has no outline"):
            mask_of(result)

    @pytest.mark.filterwarnings("ignore:__array__")
    def test_random_run_lengths_are_those_of_pycocotools(self, load):
        rng = np.random.default_rng(0)
        for share in (0.0, 0.02, 0.5, 1.0):
            inside = rng.random(SIZE) < share
            packed = reference.encode(np.asfortranarray(inside.astype(np.uint8)))
            packed["counts"] = packed["counts"].decode()
            plain = {"size": list(SIZE), "counts": plain_runs(inside)}
            for stored in (packed, plain):
                result = load(annotation(segmentation=stored)).image(0).outlines(SIZE)
                np.testing.assert_array_equal(result, [inside])

    @pytest.mark.filterwarnings("ignore:__array__")
    def test_random_polygons_are_those_of_pycocotools_but_for_pixels_on_the_outline(self, load):
        rng = np.random.default_rng(1)
        for _ in range(60):
            points = rng.uniform(0, 1, (rng.integers(3, 12), 2)) * [SIZE[1], SIZE[0]]
            stored = [points.ravel().tolist()]
            (ours,) = load(annotation(segmentation=stored)).image(0).outlines(SIZE)
            theirs = reference.decode(reference.frPyObjects(stored, *SIZE))[..., 0].astype(bool)
            for y, x in zip(*np.nonzero(ours != theirs), strict=True):
                assert distance_to_outline((x + 0.5, y + 0.5), points) < 0.3

    def test_polygons_may_leave_the_image(self, load):
        result = load(annotation(segmentation=[square(-30, -1e6, 1e7)])).image(0).outlines(SIZE)
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
            ({"bbox": None}, "has no 'bbox'"),
            ({"bbox": [100, 2, 3, 4]}, "lies outside of its image 1.jpg of 60 x 40"),
            ({"category_id": 2}, "is of the category 2, which 'categories' does not list"),
            ({"segmentation": [[1, 2, 3]]}, "a polygon that is not"),
            ({"segmentation": [[1, 2, 3, float("inf"), 5, 6]]}, "a polygon that is not"),
            ({"segmentation": [[1, 2, "x", 4, 5, 6]]}, "neither polygons nor"),
            ({"segmentation": square(1, 1, 3)}, "a polygon that is not"),
            ({"segmentation": {"size": [40, 60], "counts": [1, 2]}}, "do not add up"),
            (
                {"segmentation": {"size": [60, 40], "counts": [2400]}},
                "a mask of 40 x 60 pixels, but",
            ),
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
            ({"iscrowd": [0]}, "has the 'iscrowd' 0"),
            ({"category_id": {}}, "has no 'category_id' that is one: {}"),
            ({"category_id": None}, "has no 'category_id' that is one: None"),
            ({"segmentation": [[10, 5, 20, 20]]}, "has an outline of 2 points"),
            ({"segmentation": [[]]}, "has an outline of 0 points"),
            ({"category_id": 1e30}, "is of the category 1e+30, which"),
        ],
    )
    def test_an_annotation(self, load, tmp_path, changes, says):
        """Only the image that it is of cannot be read, and only what the fault concerns."""
        images = [
            {"id": k, "file_name": f"{k}.jpg", "height": SIZE[0], "width": SIZE[1]} for k in (1, 9)
        ]
        result = load(annotation(1, image=9), annotation(42) | changes, images=images)
        assert boxes_of(result, row=1).tolist() == [[10, 5, 30, 25, 0, 0]]
        box, outline = ("bbox" in changes, "segmentation" in changes)
        for read, at_fault in ((boxes_of, not outline), (mask_of, not box)):
            if at_fault:
                with pytest.raises(DataError) as caught:
                    read(result)
                assert str(caught.value).startswith(f"{tmp_path / 'a.json'}: annotation 42 ")
                assert says in str(caught.value)
                assert "\n" not in str(caught.value)
            else:
                read(result)

    @pytest.mark.parametrize(
        ("entry", "says"),
        [
            (annotation(42, image=5), "annotation 42: is of the image 5, which 'images' does not"),
            (annotation(42, image="1"), "annotation 42: is of the image '1', which 'images' does"),
            (annotation(42, image=[1]), "annotation 42: has no proper 'image_id'"),
            (annotation(42, image=float("inf")), "annotation 42: is of the image inf, which"),
            ({"id": 42, "bbox": [1, 2, 3, 4]}, "annotation number 2 of 'annotations': has no"),
            (7, "annotation number 2 of 'annotations': has no proper 'image_id'"),
        ],
    )
    def test_an_annotation_of_no_image_is_counted(self, load, entry, says):
        faults = load(annotation(1), entry).faults
        assert faults.orphans == 1
        assert ": ".join(faults.orphan).startswith(says)
        with pytest.raises(DataError, match="none of its 'annotations' is of an image"):
            load(entry)

    def test_all_faults_of_an_image_are_named(self, load):
        result = load(annotation(1, bbox=None), annotation(2), annotation(3, category=4))
        with pytest.raises(
            DataError, match="annotation 1 has no 'bbox'; annotation 3 is of the category 4, which"
        ):
            boxes_of(result)

    def test_a_ring_of_two_points_beside_a_good_one(self, load):
        result = load(annotation(12, segmentation=[square(1, 1, 5), [1, 2, 3, 4]]))
        assert len(boxes_of(result)) == 1
        with pytest.raises(DataError, match=r"annotation 12 has an outline of 2 points .* 3 or mo"):
            mask_of(result)

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
            ('{"images": [{"id": 1, "file_name": "a.jpg"}]}', "has no list 'annotations'"),
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
        "changes",
        [
            *({"height": value} for value in (float("inf"), 1e30, 10**30, [4], "4", True, None)),
            *({"height": value, "width": value} for value in (0, -4, 60_000)),
            *({"id": value} for value in ([1], {}, None, True)),
        ],
    )
    def test_an_image_that_cannot_be_read(self, load, tmp_path, changes):
        bad = {"id": 2, "file_name": "bad.jpg", "height": 40, "width": 60} | changes
        good = {"id": 1, "file_name": "a.jpg", "height": 40, "width": 60}
        result = load(annotation(), images=[bad, good])
        assert len(boxes_of(result, row=1)) == 1
        for read in (boxes_of, mask_of):
            with pytest.raises(DataError, match=r"a\.json: entry 1 of 'images' has "):
                read(result)

    @pytest.mark.parametrize("name", ["", ["a.jpg"], 5, None])
    def test_an_image_without_a_name(self, load, name):
        good = {"id": 1, "file_name": "a.jpg", "height": 40, "width": 60}
        assert load(annotation(), images=[good, {"id": 2, "file_name": name}]).names == [
            "a.jpg",
            "",
        ]

    def test_two_images_of_one_id(self, load):
        images = [
            {"id": 1, "file_name": name, "height": 40, "width": 60} for name in ("a.jpg", "b.jpg")
        ]
        with pytest.raises(DataError, match=r"two of 'images' have the 'id' 1: a\.jpg and b\.jpg"):
            load(annotation(), images=images)

    @pytest.mark.parametrize(
        "categories",
        [
            *([{"id": 1}], [3], [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], []),
            *([{"id": 1, "name": name}] for name in ("", ["a"], 5, None, "a" * 5000, "a\x07")),
            *([{"id": number, "name": "a"}] for number in ([1], {})),
        ],
    )
    def test_categories(self, load, categories):
        with pytest.raises(DataError, match="'categories'"):
            load(categories=categories)
