"""One JSON for all images: which images are labelled, what is said of the rest, and the layouts
that exporters write."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as reference

from tests.labels import custom_dataset
from utils.errors import ConfigError, DataError

SIZE = (48, 64)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "own").mkdir()
    return tmp_path


def put_images(root, *names, size=SIZE):
    for name in names:
        path = root / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size[::-1], (90, 90, 90)).save(path)


def put(root, name, images, annotations, categories, **other):
    """A COCO JSON; images are (id, file_name)."""
    content = {
        "images": [
            {"id": k, "file_name": file, "height": SIZE[0], "width": SIZE[1]} for k, file in images
        ],
        "annotations": annotations,
        "categories": categories,
    }
    path = root / "own" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | other))


def entry(number, image, category=1, box=(8, 16, 16, 20), **other):
    x, y, w, h = box
    outline = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    stored = {"id": number, "image_id": image, "category_id": category, "bbox": list(box)}
    return stored | {"segmentation": outline, "iscrowd": 0, "area": w * h} | other


def own(**words):
    return custom_dataset("own", **words)


def labels_of(split, task_type="detection"):
    return {
        str(sample.image.relative_to(split.root)): sample.labels[task_type].read(SIZE)
        for sample in split.samples
        if task_type in sample.labels
    }


class TestImages:
    """Two folders with the same names, of which the JSON labels one."""

    CATEGORIES = ({"id": 1, "name": "dog"},)

    @pytest.fixture
    def dogs(self, root):
        numbers = range(1, 7)
        put_images(root, *(f"photos/{pet}/{n:04}.png" for pet in ("dogs", "cats") for n in numbers))
        images = [(n, f"dogs/{n:04}.png") for n in numbers]
        put(root, "dogs.json", images, [entry(n, n) for n in numbers], list(self.CATEGORIES))
        return root

    def test_boxes_stay_in_their_folder(self, dogs):
        section = own(images="photos/*/*.png", detection="dogs.json", split="0.34")
        train, test = (section.read(dogs, split) for split in ("train", "test"))
        labels = labels_of(train) | labels_of(test)
        assert set(labels) == {f"photos/dogs/{n:04}.png" for n in range(1, 7)}
        assert all(boxes.tolist() == [[8, 16, 24, 36, 0, 0]] for boxes in labels.values())
        assert len(train.samples) + len(test.samples) == 12
        assert not train.unmatched, "the images to test on are there"
        assert not test.unmatched

    def test_rows_of_images_that_are_not_there_are_counted(self, dogs):
        for n in (2, 5):
            (dogs / f"own/photos/dogs/{n:04}.png").unlink()
        split = own(images="photos/*/*.png", detection="dogs.json").read(dogs, "train")
        assert len(labels_of(split)) == 4
        others = split.unmatched["detection"]
        assert (others.count, others.example) == (2, "dogs/0002.png")
        assert others.reason == "the image called so lies in another folder"

    def test_annotations_of_no_row_are_counted_too(self, dogs):
        path = dogs / "own/dogs.json"
        content = json.loads(path.read_text())
        content["annotations"].append(entry(77, 99))
        path.write_text(json.dumps(content))
        split = own(images="photos/*/*.png", detection="dogs.json").read(dogs, "train")
        others = split.unmatched["detection"]
        assert (others.count, others.example) == (1, "annotation 77")
        assert others.reason == "is of the image 99, which 'images' does not list"

    def test_one_json_for_both_parts_is_matched_with_the_images_of_both(self, root):
        put_images(root, "train/a.png", "train/b.png", "val/c.png", "val/a.png")
        images = [(k, name) for k, name in enumerate(("b.png", "c.png", "a.png", "d.png"))]
        put(root, "all.json", images, [entry(1, 0), entry(2, 1)], list(self.CATEGORIES))
        section = own(images="{split}/*.png", detection="all.json", split="train val")
        for part, labelled in (("train", {"train/b.png"}), ("test", {"val/c.png"})):
            split = section.read(root, part)
            assert set(labels_of(split)) == labelled
            others = split.unmatched["detection"]
            assert (others.count, others.example) == (2, "a.png")
            assert "the paths of several images end so (1)" in others.reason
            assert "no image is called so (1)" in others.reason

    def test_a_json_of_each_part_counts_for_itself(self, root):
        put_images(root, "train/a.png", "val/b.png")
        for part in ("train", "val"):
            images = [(0, "a.png"), (1, "b.png")]
            put(root, f"{part}.json", images, [entry(1, 0)], list(self.CATEGORIES))
        section = own(images="{split}/*.png", detection="{split}.json", split="train val")
        assert section.read(root, "train").unmatched["detection"].example == "b.png"
        assert section.read(root, "test").unmatched["detection"].example == "a.png"

    def test_a_fault_is_that_of_its_image(self, root):
        """The rectangle of the box in the place of an outline."""
        put_images(root, "i/1.png", "i/2.png")
        annotations = [entry(11, 1), entry(12, 2, segmentation=[[8, 16, 16, 20]])]
        put(root, "a.json", [(1, "1.png"), (2, "2.png")], annotations, list(self.CATEGORIES))
        section = own(images="i/*.png", detection="a.json", segmentation="a.json")
        first, second = section.read(root, "train").samples
        assert len(second.labels["detection"].read(SIZE)) == 1
        assert (first.labels["segmentation"].read(SIZE) == 1).sum() == 320
        with pytest.raises(DataError, match=r"a\.json: annotation 12 has an outline of 2 points"):
            second.labels["segmentation"].read(SIZE)


class TestClasses:
    CATEGORIES = ({"id": 1, "name": "bottle"}, {"id": 2, "name": "cup"}, {"id": 3, "name": "van"})

    @pytest.fixture
    def bottles(self, root):
        put_images(root, "i/1.png", "i/2.png")
        annotations = [entry(1, 1), entry(2, 2, 2)]
        put(root, "a.json", [(1, "1.png"), (2, "2.png")], annotations, list(self.CATEGORIES))
        return root

    def refusal(self, root, **words):
        with pytest.raises(ConfigError) as caught:
            own(images="i/*.png", **words).read(root, "train")
        return caught.value.option, str(caught.value).replace(f"{root}/own/", "")

    def test_a_class_of_the_cfg_that_is_spelled_otherwise(self, bottles):
        assert self.refusal(bottles, detection="a.json", detection_classes="botle cup") == (
            "detection_classes",
            "a.json: the category 'bottle' (objects: 1) is not in detection_classes, which are "
            "botle, cup; 'botle' is no category: did you mean bottle?",
        )

    def test_a_category_with_objects_that_the_cfg_does_not_name(self, bottles):
        key, message = self.refusal(bottles, segmentation="a.json", classes="bottle")
        assert key == "classes"
        assert (
            message == "a.json: the category 'cup' (objects: 1) is not in classes, which is bottle"
        )

    def test_categories_without_objects_are_no_fault(self, bottles):
        section = own(images="i/*.png", detection="a.json", classes="cup bottle plane")
        split = section.read(bottles, "train")
        assert split.classes == {"detection": ("cup", "bottle", "plane")}
        label = split.samples[0].labels["detection"]
        assert "of no category: plane" in label.format.decided(label)["classes"]

    def test_none_of_the_classes_is_there(self, root):
        put_images(root, "i/1.png")
        put(root, "a.json", [(1, "1.png")], [], list(self.CATEGORIES))
        assert self.refusal(root, detection="a.json", classes="tree") == (
            "classes",
            "a.json: none of its categories (bottle, cup, van) is in classes, which is tree",
        )

    def test_the_json_to_test_on_has_the_classes_of_the_other(self, bottles):
        put_images(bottles, "val/3.png")
        put(bottles, "val.json", [(3, "3.png")], [entry(1, 3)], [{"id": 1, "name": "botle"}])
        (bottles / "own/a.json").rename(bottles / "own/i.json")
        section = own(images="{split}/*.png", detection="{split}.json", split="i val")
        section.read(bottles, "train")
        with pytest.raises(
            ConfigError, match=r"'botle' .* is not in the classes of i\.json, which"
        ):
            section.read(bottles, "test")

    @pytest.mark.parametrize("named", ["bottle cup van", "background bottle cup van"])
    def test_masks_have_a_background_and_boxes_have_none(self, bottles, named):
        section = own(images="i/*.png", detection="a.json", segmentation="a.json", classes=named)
        split = section.read(bottles, "train")
        assert split.classes == {
            "detection": ("bottle", "cup", "van"),
            "segmentation": ("background", "bottle", "cup", "van"),
        }
        assert [boxes[0, 4] for boxes in labels_of(split).values()] == [0, 1]
        masks = labels_of(split, "segmentation").values()
        assert [np.bincount(mask.ravel()).tolist() for mask in masks] == [
            [48 * 64 - 320, 320],
            [48 * 64 - 320, 0, 320],
        ]

    def test_a_background_elsewhere_in_the_list_stays_there(self, bottles):
        words = {"segmentation": "a.json", "segmentation_classes": "bottle background cup"}
        split = own(images="i/*.png", **words).read(bottles, "train")
        assert split.classes["segmentation"] == ("bottle", "background", "cup")
        assert labels_of(split, "segmentation")["i/1.png"][0, 0] == 1

    def test_an_option_of_other_labels(self, bottles):
        key, message = self.refusal(bottles, segmentation="a.json", void="7")
        assert (key, message) == (
            "segmentation_void",
            "segmentation_void is not about the labels of a.json",
        )


class TestExporters:
    def test_roboflow(self, root):
        """The JSON beside the images of each part; id 0 is the supercategory of all."""
        categories = [
            {"id": 0, "name": "parts-x7gf", "supercategory": "none"},
            {"id": 1, "name": "bolt", "supercategory": "parts-x7gf"},
            {"id": 2, "name": "nut", "supercategory": "parts-x7gf"},
        ]
        for part, word in (("train", "a"), ("valid", "b")):
            name = f"{word}_jpg.rf.0123456789abcdef.png"
            put_images(root, f"{part}/{name}")
            annotations = [entry(0, 0, 2, segmentation=[]), entry(1, 0, 1, segmentation=[])]
            put(root, f"{part}/_annotations.coco.json", [(0, name)], annotations, categories)
        section = own(
            images="{split}/*.png",
            detection="{split}/_annotations.coco.json",
            split="train valid",
        )
        for part, folder in (("train", "train"), ("test", "valid")):
            split = section.read(root, part)
            assert split.classes == {"detection": ("bolt", "nut")}
            assert not split.unmatched
            (name,), (boxes,) = zip(*labels_of(split).items(), strict=True)
            assert name.startswith(f"{folder}/")
            assert boxes[:, 4].tolist() == [1, 0]
        label = split.samples[0].labels["detection"]
        assert "no class: parts-x7gf" in label.format.decided(label)["classes"]

    def test_roboflow_of_one_class(self, root):
        """The supercategory is called as the class."""
        put_images(root, "1.png")
        categories = [
            {"id": 0, "name": "bolt", "supercategory": "none"},
            {"id": 1, "name": "bolt", "supercategory": "bolt"},
        ]
        put(root, "_annotations.coco.json", [(0, "1.png")], [entry(0, 0, 1)], categories)
        split = own(images="*.png", detection="_annotations.coco.json").read(root, "train")
        assert split.classes == {"detection": ("bolt",)}
        assert labels_of(split)["1.png"][:, 4].tolist() == [0]

    @pytest.mark.filterwarnings("ignore:__array__")
    def test_cvat(self, root):
        """Names with folders; boxes with an empty segmentation, masks as run lengths of both
        forms, polygons; attributes."""
        put_images(root, "images/default/cam/1.png")
        inside = np.zeros(SIZE, np.uint8)
        inside[4:9, 2:7] = 1
        packed = reference.encode(np.asfortranarray(inside))
        packed["counts"] = packed["counts"].decode()
        plain = {"size": list(SIZE), "counts": [0, 48, 48 * 63]}
        attributes = {"attributes": {"occluded": False, "rotation": 0.0}}
        annotations = [
            entry(1, 1, 1, **attributes),
            entry(2, 1, 2, (2, 4, 5, 5), segmentation=packed, **attributes),
            entry(3, 1, 2, (0, 0, 1, 48), segmentation=plain, iscrowd=1, **attributes),
        ]
        categories = [
            {"id": k, "name": name, "supercategory": ""} for k, name in ((1, "bolt"), (2, "nut"))
        ]
        other = {"licenses": [{"name": "", "id": 0, "url": ""}], "info": {"year": ""}}
        path = "annotations/instances_default.json"
        put(root, path, [(1, "cam/1.png")], annotations, categories, **other)
        split = own(images="images/**/*.png", detection=path, segmentation=path).read(root, "train")
        assert labels_of(split)["images/default/cam/1.png"].tolist() == [
            [8, 16, 24, 36, 0, 0],
            [2, 4, 7, 9, 1, 0],
            [0, 0, 1, 48, 1, 1],
        ]
        mask = labels_of(split, "segmentation")["images/default/cam/1.png"]
        assert (mask[:, 0] == 255).all()
        assert (mask[16:36, 8:24] == 1).all()
        assert (mask[4:9, 2:7] == 2).all()
        put(root, path, [(1, "cam/1.png")], [entry(1, 1, segmentation=[])], categories, **other)
        split = own(images="images/**/*.png", detection=path).read(root, "train")
        assert len(labels_of(split)["images/default/cam/1.png"]) == 1

    @pytest.mark.parametrize(
        "name",
        [
            "images/7f3e2a1b-1.png",
            "images\\7f3e2a1b-1.png",
            "../../data/media/upload/images/7f3e2a1b-1.png",
            "/label-studio/data/images/7f3e2a1b-1.png",
            "7f3e2a1b-1.png",
        ],
    )
    def test_label_studio(self, root, name):
        """Ids from 0, no iscrowd in some entries, ignore in others."""
        put_images(root, "images/7f3e2a1b-1.png")
        annotations = [entry(0, 0, 0, ignore=0), entry(1, 0, 1)]
        del annotations[1]["iscrowd"]
        categories = [{"id": 0, "name": "bolt"}, {"id": 1, "name": "nut"}]
        put(root, "result.json", [(0, name)], annotations, categories)
        split = own(images="images/*.png", detection="result.json").read(root, "train")
        assert split.classes == {"detection": ("bolt", "nut")}
        assert labels_of(split)["images/7f3e2a1b-1.png"][:, 4].tolist() == [0, 1]
        assert not split.unmatched
