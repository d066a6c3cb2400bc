"""A data.yaml of YOLO, in the places and spellings of those who write it."""

import builtins
import random

import numpy as np
import pytest
import yaml
from PIL import Image

from datasets.custom.yolo_yaml import YoloYaml
from tests.fuzzing import damaged_text
from tests.labels import custom_dataset
from utils.errors import UserError

SIZE = (40, 80)
BOX = "1 0.5 0.5 0.25 0.5\n"  # 30 10 50 30 of an image of 80 x 40
OUTLINE = "0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n"


@pytest.fixture
def dogs(tmp_path):
    """A `dataset_root` with the folder dogs; `write` adds images with labels, None for none."""

    def write(**labels):
        for place, text in labels.items():
            image = tmp_path / "dogs" / place.replace("__", "/")
            image = image.with_suffix(".jpg")
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", SIZE[::-1]).save(image)
            if text is not None:
                path = str(image.relative_to(tmp_path)).replace("/images/", "/labels/")
                label = (tmp_path / path).with_suffix(".txt")
                label.parent.mkdir(parents=True, exist_ok=True)
                label.write_text(text)
        return tmp_path

    return write


@pytest.fixture
def usual(dogs):
    """The layout of Ultralytics: images/train, labels/train, …"""
    return dogs(
        images__train__a=BOX, images__train__b="", images__train__c=None, images__val__d=BOX
    )


def describe(root, content=None, **changes):
    """Writes the data.yaml; with `content`, exactly that."""
    values = {"train": "images/train", "val": "images/val", "names": ["cat", "dog"]} | changes
    text = yaml.safe_dump({k: v for k, v in values.items() if v is not None}, allow_unicode=True)
    (root / "dogs/data.yaml").write_text(text if content is None else content)
    return root


def section(**values):
    return custom_dataset("dogs", **{"images": "data.yaml", "detection": "data.yaml"} | values)


def boxes(listed):
    return {
        sample.image.stem: sample.labels["detection"].read(SIZE).tolist()
        for sample in listed.samples
    }


def stems(listed):
    return [sample.image.stem for sample in listed.samples]


def refusal(root, split="train", **values):
    with pytest.raises(UserError) as caught:
        section(**values).read(root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestLabels:
    def test_boxes(self, usual):
        listed = section().read(describe(usual), "train")
        assert boxes(listed) == {"a": [[30, 10, 50, 30, 1, 0]], "b": [], "c": []}
        assert listed.classes == {"detection": ("cat", "dog")}
        assert listed.decided == {
            "split": "`train` of data.yaml: images/train",
            "no label file": "1 image shows no object, by YOLO's rule",
        }
        empty = listed.samples[2].labels["detection"]
        assert empty.read(SIZE).shape == (0, 6)
        assert empty.format.stored_size(empty) is None

    def test_outlines_give_boxes_and_masks(self, dogs):
        root = describe(dogs(images__train__a=OUTLINE, images__train__b=None))
        listed = section(segmentation="data.yaml").read(root, "train")
        assert listed.classes["segmentation"] == ("background", "cat", "dog")
        assert boxes(listed) == {"a": [[20, 10, 60, 30, 0, 0]], "b": []}
        masks = [sample.labels["segmentation"].read(SIZE) for sample in listed.samples]
        assert masks[0].dtype == masks[1].dtype == np.uint8
        wanted = np.zeros(SIZE, np.uint8)
        wanted[10:30, 20:60] = 1
        assert (masks[0] == wanted).all()
        assert (masks[1] == 0).all()

    def test_labels_that_belong_to_no_image(self, usual):
        describe(usual)
        (usual / "dogs/labels/train/x.txt").write_text(BOX)
        (usual / "dogs/labels/train/classes.txt").write_text("cat\ndog\n")
        unmatched = section().read(usual, "train").unmatched["detection"]
        assert (unmatched.count, unmatched.example) == (1, "labels/train/x.txt")
        assert not section().read(usual, "test").unmatched

    def test_the_labels_of_another_split_in_the_same_folder(self, dogs):
        root = dogs(images__a=BOX, images__b=BOX)
        (root / "dogs/train.txt").write_text("./images/a.jpg\n")
        (root / "dogs/val.txt").write_text(f"\n{root}/dogs/images/b.jpg\r\n")
        describe(root, train="train.txt", val="val.txt")
        train, test = (section().read(root, split) for split in ("train", "test"))
        assert (stems(train), stems(test)) == (["a"], ["b"])
        assert not train.unmatched
        assert not test.unmatched

    def test_no_label_at_all(self, dogs):
        root = describe(dogs(images__train__a=None))
        assert refusal(root).endswith(
            "data.yaml: no image has a label file: that of images/train/a.jpg would be "
            "labels/train/a.txt"
        )

    def test_the_last_folder_of_images_counts(self, dogs):
        root = dogs(images__images__train__a=BOX)
        describe(root, train="images/images/train")
        assert "would be images/labels/train/a.txt" in refusal(root)


class TestPlaces:
    def test_test_before_val(self, usual, dogs):
        assert stems(section().read(describe(usual), "test")) == ["d"]
        dogs(images__test__e=BOX)
        describe(usual, test="images/test")
        listed = section().read(usual, "test")
        assert stems(listed) == ["e"]
        assert listed.decided["split"] == "`test` of data.yaml: images/test"
        describe(usual, "train: images/train\nval: images/val\ntest:\nnames: [cat, dog]\n")
        assert stems(section().read(usual, "test")) == ["d"]
        describe(usual, val=None)
        assert "neither `test` nor `val` says which images" in refusal(usual, "test")

    def test_several_places(self, usual):
        describe(usual, train=["images/train", "images/val", "images/train"])
        listed = section().read(usual, "train")
        assert stems(listed) == ["a", "b", "c", "d"]
        assert listed.decided["twice"] == "3 lines name an image again: the first line counts"

    def test_an_export_of_roboflow(self, dogs):
        """Its places begin with ../ and mean the folders beside the data.yaml."""
        root = dogs(train__images__a=BOX, valid__images__b=BOX)
        describe(root, train="../train/images", val="../valid/images", nc=2)
        assert stems(section().read(root, "train")) == ["a"]
        listed = section().read(root, "test")
        assert stems(listed) == ["b"]
        assert listed.decided["split"] == "`val` of data.yaml: valid/images"

    @pytest.mark.parametrize("path", [".", "dogs", "../datasets/dogs", "absolute", ""])
    def test_the_path(self, tmp_path, dogs, path):
        root = dogs(images__train__a=BOX, images__val__b=BOX)
        (root / "datasets").mkdir()
        (root / "dogs").rename(root / "datasets/dogs")
        path = str(root / "datasets/dogs") if path == "absolute" else path
        (root / "dogs").symlink_to(root / "datasets/dogs")
        describe(root, path=path)
        listed = custom_dataset(
            "own", root="datasets/dogs", images="data.yaml", detection="data.yaml"
        ).read(root, "train")
        assert stems(listed) == ["a"]

    def test_a_data_yaml_in_a_folder(self, dogs):
        root = describe(dogs(set__images__train__a=BOX))
        (root / "dogs/data.yaml").rename(root / "dogs/set/data.yaml")
        listed = section(images="set/data.yaml", detection="set/data.yaml").read(root, "train")
        assert stems(listed) == ["a"]

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            (
                {"path": "/content/dogs"},
                "data.yaml: its `path`, /content/dogs, is no folder within",
            ),
            ({"path": ".."}, "data.yaml: its `path`, .., is no folder within"),
            (
                {"train": "../../etc"},
                "`train` is ../../etc, which leads out of the dataset's folder",
            ),
            ({"train": "/etc"}, "`train` is /etc, which leads out of the dataset's folder"),
            ({"train": "images/trian"}, "`train` is images/trian, which is not there"),
            ({"train": "labels/train"}, "there is no image where `train` says"),
            ({"train": "l.txt"}, "l.txt:2: /etc/passwd leads out of the dataset's folder"),
            ({"train": "m.txt"}, "none.jpg: the file is missing (1 of 1 are)"),
        ],
    )
    def test_places_that_are_refused(self, usual, changes, says):
        (usual / "dogs/l.txt").write_text("images/train/a.jpg\n/etc/passwd\n")
        (usual / "dogs/m.txt").write_text("images/train/none.jpg\n")
        if changes.get("train") == "m.txt":
            (usual / "dogs/labels/train/none.txt").write_text(BOX)
        assert says in refusal(describe(usual, **changes))


class TestContents:
    def test_names_are_texts_as_they_stand(self, usual):
        """YAML of old takes `no` for false and 010 for 8."""
        describe(usual, "train: images/train\nnames: {1: 010, 0: no}\n")
        assert section().read(usual, "train").classes == {"detection": ("no", "010")}

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"names": None}, "`names` does not name the classes"),
            ({"names": ["a", "a"]}, "`names` names 'a' twice"),
            ({"names": [["a"]]}, "the name of class 0 in `names` is no text"),
            ({"names": {0: "a", 2: "b"}}, "`names` has 2 classes, and none of the number 1"),
            ({"nc": 3}, "`nc` is 3, and `names` names 2 classes"),
            ({"kpt_shape": [17, 3]}, "is of poses (`kpt_shape`), which no task learns"),
            ({"train": None}, "`train` does not say where the images to train on are"),
            ({"train": {"a": "b"}}, "`train` is no folder, no list, and no sequence of these"),
            ({"train": None, "names": None}, "is no data.yaml of YOLO"),
            ({"content": "- a\n"}, "is no data.yaml of YOLO"),
            ({"content": "a: [\n"}, "data.yaml: cannot be read as YAML"),
            ({"content": "[" * 5000}, "data.yaml: cannot be read as YAML"),
        ],
    )
    def test_contents_that_are_refused(self, usual, changes, says):
        assert says in refusal(describe(usual, **changes))

    def test_a_class_of_objects_that_masks_have_for_none(self, usual):
        describe(usual, names=["background", "dog"])
        section().read(usual, "train")
        assert "calls a class of objects 'background'" in refusal(usual, segmentation="data.yaml")

    def test_random_contents_are_read_back(self, tmp_path):
        draw = random.Random(0)
        path = tmp_path / "data.yaml"
        for _ in range(30):
            names = {"".join(draw.choices("ab yesNO01é:#'\"-", k=6)).strip() or "x": 0}
            names = [*names, *(f"class {n}" for n in range(draw.randrange(5)))]
            stored = dict(enumerate(names)) if draw.random() < 0.5 else names
            text = yaml.safe_dump({"train": "t", "names": stored, "nc": len(names)})
            path.write_text(text, draw.choice(["utf-8", "utf-8-sig", "utf-16"]))
            assert YoloYaml.load(path).classes == tuple(names)

    @pytest.mark.filterwarnings("error")
    def test_damaged_contents(self, usual):
        path = describe(usual) / "dogs/data.yaml"
        draw, stored = random.Random(0), path.read_bytes()
        errors = []
        for _ in range(60):
            path.write_bytes(damaged_text(stored, draw))
            try:
                section().read(usual, "train")
            except UserError as error:
                errors.append(str(error))
        assert errors
        assert all("data.yaml" in error and "\n" not in error for error in errors)

    def test_without_pyyaml(self, usual, monkeypatch):
        describe(usual)
        original = builtins.__import__

        def without(name, *arguments):
            if name == "yaml":
                raise ImportError
            return original(name, *arguments)

        monkeypatch.setattr(builtins, "__import__", without)
        assert refusal(usual).endswith("PyYAML reads such files: `pip install PyYAML`")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"split": "0.2"}, "data.yaml says itself which images serve to train and to test: rem"),
        ({"split": "a b"}, "data.yaml says itself which images"),
        ({"ids": "a.txt"}, "data.yaml says itself which images"),
        ({"classes": "a b"}, "data.yaml names the classes itself: remove classes"),
        ({"depth": "data.yaml"}, "depth is not read from a data.yaml"),
        ({"depth": "d/*.png"}, "the labels of images = data.yaml are in a data.yaml as well"),
        ({"detection": "o.yaml"}, "o.yaml and images = data.yaml: both are the same data.yaml"),
        ({"images": "i/*.jpg"}, "data.yaml and images = i/*.jpg: both are the same data.yaml"),
    ],
)
def test_what_contradicts_a_data_yaml(values, says):
    with pytest.raises(UserError) as caught:
        section(**values)
    assert says in str(caught.value)


def test_it_divides_the_images_itself():
    assert section().selection.divides
    assert not custom_dataset(images="i/*", depth="d/*").selection.divides
