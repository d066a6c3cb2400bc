"""COCO's panoptic form: colours are ids of segments, and a JSON says what each is."""

import json

import numpy as np
import pytest
from PIL import Image

from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.panoptic import PanopticBoxes, PanopticMasks
from tasks.segmentation import VOID
from tests.labels import custom_dataset
from utils.errors import ConfigError, DataError

SIZE = (12, 20)
CATEGORIES = [
    {"id": 7, "name": "cup", "isthing": 1, "supercategory": "thing"},
    {"id": 2, "name": "wall", "isthing": 0, "supercategory": "stuff"},
    {"id": 90, "name": "cat", "isthing": 1, "supercategory": "thing"},
]


def segment(number, category, box=(1, 2, 4, 3), crowd=0):
    return {
        "id": number,
        "category_id": category,
        "iscrowd": crowd,
        "bbox": list(box),
        "area": box[2] * box[3],
    }


def colours(ids):
    """R, G and B of ids: id = R + 256 G + 256² B."""
    return np.stack([ids % 256, ids // 256 % 256, ids // 256**2], axis=2).astype(np.uint8)


@pytest.fixture
def write(tmp_path):
    """A dataset of one image."""
    (tmp_path / "own/panoptic").mkdir(parents=True)
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "own/a.jpg")

    def written(ids, *segments, categories=CATEGORIES, image=None, annotation=None):
        Image.fromarray(colours(ids)).save(tmp_path / "own/panoptic/a.png")
        image = {"id": 5, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]} | (image or {})
        entry = {"image_id": 5, "file_name": "a.png", "segments_info": list(segments)}
        content = {
            "images": [image],
            "annotations": [entry | (annotation or {})],
            "categories": categories,
        }
        path = tmp_path / "own/panoptic.json"
        path.write_text(json.dumps(content))
        return path

    return written


@pytest.fixture
def ids():
    """A wall with a cup of a large id before it, and a corner of no segment."""
    ids = np.full(SIZE, 3)
    ids[2:5, 1:5] = 200 + 256 * 100 + 256**2 * 255
    ids[:2, 15:] = 0
    return ids


def read_mask(path, classes=("wall", "cup", "cat"), size=SIZE, **options):
    stored = PanopticMasks(classes, CocoAnnotations.load(path), path.parent, **options)
    return stored.label(0, path.parent / "a.jpg").read(size)


def read_boxes(path, classes=("cup", "cat")):
    return PanopticBoxes(classes, CocoAnnotations.load(path)).label(0, "a.jpg").read(SIZE)


def test_classes_are_those_of_the_segments(write, ids):
    path = write(ids, segment(3, 2), segment(int(ids.max()), 7), segment(9, 90))
    mask = read_mask(path)
    assert mask.dtype == np.uint8
    expected = np.where(ids == 3, 0, 1)
    expected[ids == 0] = VOID
    np.testing.assert_array_equal(mask, expected)
    larger = read_mask(path, size=(24, 40))
    np.testing.assert_array_equal(larger, mask.repeat(2, 0).repeat(2, 1))


def test_random_segments(write):
    rng = np.random.default_rng(0)
    for _ in range(20):
        numbers = rng.choice(2**24 - 1, 6, replace=False) + 1
        categories = rng.choice([7, 2, 90], 6)
        which = rng.integers(-1, 6, SIZE)
        stored = [segment(int(n), int(c)) for n, c in zip(numbers, categories, strict=True)]
        mask = read_mask(write(np.where(which < 0, 0, numbers[which]), *stored))
        place = {2: 0, 7: 1, 90: 2}
        truth = np.array([place[c] for c in categories.tolist()])[which]
        np.testing.assert_array_equal(mask, np.where(which < 0, VOID, truth))


def test_boxes_are_those_of_things(write, ids):
    cup = segment(int(ids.max()), 7)
    path = write(ids, segment(3, 2, (0, 0, 20, 12)), cup, segment(9, 90, (2, 3, 4, 5), crowd=1))
    assert read_boxes(path).tolist() == [[1, 2, 5, 5, 0, 0], [2, 3, 6, 8, 1, 1]]
    label = PanopticBoxes(("cup", "cat"), CocoAnnotations.load(path)).label(0, "a.jpg")
    assert label.format.class_names(label) == {"cup", "cat"}


def test_crowds_are_void(write, ids):
    mask = read_mask(write(ids, segment(3, 2), segment(int(ids.max()), 7, crowd=1)))
    assert (mask[2:5, 1:5] == VOID).all()
    assert mask[0, 0] == 0


def test_a_dataset_of_its_own(write, ids, tmp_path):
    path = write(ids, segment(3, 2), segment(int(ids.max()), 7))
    words = {"images": "*.jpg", "segmentation": "panoptic.json", "detection": "panoptic.json"}
    split = custom_dataset("own", **words).read(tmp_path, "train")
    assert split.classes == {"segmentation": ("wall", "cup", "cat"), "detection": ("cup", "cat")}
    (sample,) = split.samples
    assert set(np.unique(sample.labels["segmentation"].read(SIZE))) == {0, 1, VOID}
    assert sample.labels["detection"].read(SIZE).tolist() == [[1, 2, 5, 5, 0, 0]]
    label = sample.labels["segmentation"]
    assert label.format.decided(label)["void"] == "black (id 0) and crowds"
    assert label.format.stored_size(label) == SIZE
    named = custom_dataset("own", **words, classes="cup wall").read(tmp_path, "train")
    assert named.classes["segmentation"] == ("cup", "wall"), "no background: all pixels are named"

    (tmp_path / "own/panoptic").rename(tmp_path / "own/colours")
    with pytest.raises(ConfigError, match=r"no folder .*own/panoptic; segmentation_folder names"):
        custom_dataset("own", **words).read(tmp_path, "train")
    split = custom_dataset("own", **words, segmentation_folder="colours").read(tmp_path, "train")
    assert split.samples[0].labels["segmentation"].file == path.parent / "colours/a.png"


class TestBadFiles:
    def test_pixels_of_no_segment(self, write, ids):
        path = write(ids, segment(int(ids.max()), 7))
        with pytest.raises(
            DataError, match=r"a\.png: has pixels of the id 3, which 'segments_info'"
        ):
            read_mask(path)

    @pytest.mark.parametrize(
        ("stored", "says"),
        [
            (segment("x", 2), "segment x has an 'id' that is no colour's"),
            (segment(0, 2), "segment 0 has an 'id' that is no colour's"),
            (segment(2**24, 2), "no whole number from 1 to 16777215"),
            (segment(8, 4), "segment 8 is of the category 4, which 'categories' does not list"),
            (segment(3, 2), "two segments of a.jpg have the same 'id'"),
        ],
    )
    def test_segments(self, write, ids, stored, says):
        path = write(ids, segment(3, 2), segment(int(ids.max()), 7), stored)
        with pytest.raises(DataError, match=rf"panoptic\.json: .*{says}"):
            read_mask(path)

    def test_a_box_concerns_boxes_alone(self, write, ids):
        path = write(ids, segment(3, 2), segment(int(ids.max()), 7, (0, 0, -1, 2)))
        assert read_mask(path).any()
        with pytest.raises(DataError, match=f"segment {ids.max()} has the box 0 0 -1 2"):
            read_boxes(path)

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"segments_info": 5}, "entry 1 of 'annotations' has a 'segments_info' that is not"),
            ({"segments_info": [5]}, "entry 1 of 'annotations' has a 'segments_info' that is not"),
            ({"file_name": None}, "entry 1 of 'annotations' has no 'file_name' of a PNG"),
            ({"file_name": "b.png"}, r"b\.png: the file is missing"),
            ({"file_name": "../../b.png"}, "leads out of the dataset's folder"),
            ({"image_id": 6}, "none of its 'annotations' is of an image"),
        ],
    )
    def test_entries(self, write, ids, changes, says):
        path = write(ids, segment(3, 2), segment(int(ids.max()), 7), annotation=changes)
        with pytest.raises(DataError, match=says):
            read_mask(path)

    def test_a_category_that_may_be_things(self, write, ids):
        categories = [{"id": k, "name": name} for k, name in ((7, "cup"), (2, "wall"))]
        path = write(ids, segment(3, 2), segment(int(ids.max()), 7), categories=categories)
        assert read_mask(path, ("cup", "wall")).any()
        with pytest.raises(DataError, match="its category 'wall' has no 'isthing' of 0 or 1"):
            read_boxes(path)

    def test_a_png_without_colours(self, write, ids):
        path = write(ids, segment(3, 2))
        Image.fromarray(np.zeros(SIZE, np.uint8)).save(path.parent / "panoptic/a.png")
        with pytest.raises(DataError, match=r"a\.png: holds an array \(12, 20\), where a panoptic"):
            read_mask(path)
