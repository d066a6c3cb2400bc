import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.labels import custom_dataset, read_split
from utils.errors import ConfigError, UserError

SIZE = (48, 64)
NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def factory(tmp_path):
    """A `dataset_root` with the folder factory: five images, three of them with masks."""
    root = tmp_path / "factory"
    for name in NAMES:
        put(root / "images" / f"{name}.jpg", np.full((*SIZE, 3), 80, np.uint8))
        if name in "bce":
            put(root / "masks" / f"{name}_mask.png", np.full(SIZE, ord(name) - ord("a"), np.uint8))
    return tmp_path


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_json(path, names, categories=("bolt", "nut"), of=0):
    """A COCO JSON with one box on each image, all of the category with the index `of`."""
    content = {
        "images": [
            {"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
            for i, name in enumerate(names)
        ],
        "categories": [{"id": 10 - i, "name": name} for i, name in enumerate(categories)],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 10 - of,
                "bbox": [i, 2, 10, 20],
                "segmentation": [[i, 2, i + 10, 2, i + 10, 22, i, 22]],
                "iscrowd": 0,
            }
            for i in range(len(names))
        ],
    }
    path.write_text(json.dumps(content))


def names(source):
    return [sample.image.stem for sample in source.samples]


def masks(**values):
    words = {"images": "images/*.jpg", "segmentation": "masks/*_mask.png", "classes": "w x y z v"}
    return custom_dataset(**words | values)


def refusal(section, root, split="train"):
    """What is said of a dataset that cannot be read: one line, after the key that it is about."""
    with pytest.raises(UserError) as caught:
        section.read(root, split)
    assert "\n" not in str(caught.value)
    return placed(section, caught.value)


def placed(section, mistake):
    """The mistake behind its place: the key of the section, where the section has it."""
    if not isinstance(mistake, ConfigError):
        return str(mistake)
    given = mistake.option and section.settings[mistake.option] is not None
    return f"x.cfg:{mistake.option if given else 0}: {mistake}"


class TestPatterns:
    def test_a_label_belongs_to_the_image_of_the_same_name(self, factory):
        source = masks(first="1", void="0").read(factory, "train")
        assert source.name == "factory"
        assert names(source) == NAMES
        result = {
            s.image.stem: s.labels["segmentation"].file.name for s in source.samples if s.labels
        }
        assert result == {name: f"{name}_mask.png" for name in "bce"}
        assert source.classes == {"segmentation": ("w", "x", "y", "z", "v")}

    def test_the_numbers_of_the_section_are_those_of_the_files(self, factory):
        source = masks(first="1", void="4").read(factory, "train")
        read = [s.labels["segmentation"].read(SIZE)[0, 0] for s in source.samples if s.labels]
        assert read == [0, 1, 255]

    def test_the_root(self, factory, monkeypatch):
        moved = factory / "elsewhere" / "lies"
        shutil.move(factory / "factory", moved)
        for root in ("elsewhere/lies", str(moved)):
            assert names(masks(root=root).read(factory, "train")) == NAMES
        monkeypatch.setenv("HOME", str(factory))
        assert names(masks(root="~/elsewhere/lies").read(factory, "train")) == NAMES
        assert "x.cfg:0: the dataset factory is not there: no folder" in refusal(masks(), factory)
        assert f"x.cfg:root: the dataset factory is not there: no folder {factory}/no; " in (
            refusal(masks(root="no"), factory)
        )

    def test_labels_that_belong_to_no_image(self, factory):
        assert refusal(masks(segmentation="masks/*.png"), factory) == (
            "x.cfg:segmentation: masks/*.png belongs to no image: it has masks/b_mask.png, and "
            "images = images/*.jpg has images/a.jpg; a label belongs to the image whose wildcards "
            "matched the same text"
        )

    def test_patterns_that_match_nothing(self, factory):
        message = refusal(masks(images="images/*.png"), factory)
        assert message.startswith("x.cfg:images: images/*.png matches no file below ")
        assert "holds a.jpg, b.jpg, c.jpg and 2 more" in message
        assert refusal(masks(segmentation="mask/*"), factory).startswith("x.cfg:segmentation: ")


class TestMasks:
    @pytest.mark.parametrize(
        ("values", "says"),
        [
            (
                {"numbers": "0 1"},
                "x.cfg:segmentation_numbers: segmentation_numbers has 2 numbers, and there are 5",
            ),
            (
                {"numbers": "0 1 2 3 4", "first": "1"},
                "x.cfg:segmentation_first: segmentation_numbers says the number of every class, th",
            ),
            (
                {"colours": "0,0,0 1,1,1"},
                "x.cfg:segmentation_colours: segmentation_colours: 2 colours for 5 classes",
            ),
            (
                {"colours": "none.txt"},
                "x.cfg:segmentation_colours: segmentation_colours: {root}/factory/none.txt: the fi",
            ),
            (
                {"colours": "0,0,0 1,0,0 2,0,0 3,0,0 4,0,0", "void": "255"},
                "x.cfg:segmentation_void: segmentation_void means nothing for the labels masks/*_m",
            ),
        ],
    )
    def test_a_mistake_is_told_at_its_key(self, factory, values, says):
        assert refusal(masks(**values), factory).startswith(says.format(root=factory))

    def test_numbers(self, factory):
        source = masks(numbers="4 3 2 1 0").read(factory, "train")
        read = [s.labels["segmentation"].read(SIZE)[0, 0] for s in source.samples if s.labels]
        assert read == [3, 2, 0]

    def test_a_table_of_colours_lies_below_the_root(self, factory):
        root = factory / "factory"
        for name, colour in (("a", (255, 0, 0)), ("b", (0, 255, 0)), ("c", (9, 9, 9))):
            put(root / "colours" / f"{name}.png", np.full((*SIZE, 3), colour, np.uint8))
        (root / "table.csv").write_text("name,r,g,b\nred,255,0,0\ngreen,0,255,0\nother,9,9,9\n")
        section = masks(
            segmentation="colours/*.png", classes="green red", segmentation_colours="table.csv"
        )
        source = section.read(factory, "train")
        labels = [s.labels["segmentation"] for s in source.samples if s.labels]
        assert [label.read(SIZE)[0, 0] for label in labels] == [1, 0, 255]
        assert labels[0].format.decided(labels[0])["void"] == "9,9,9 other"


def test_one_text_of_yolo_has_boxes_and_masks(factory):
    (factory / "factory/labels").mkdir()
    (factory / "factory/labels/b.txt").write_text("1 0.25 0.5 0.75 0.5 0.75 1 0.25 1\n")
    (factory / "factory/labels/c.txt").write_text("")
    source = custom_dataset(
        images="images/*.jpg",
        detection="labels/*.txt",
        segmentation="labels/*.txt",
        classes="bolt nut",
        segmentation_classes="background bolt nut",
    ).read(factory, "train")
    labels = {s.image.stem: s.labels for s in source.samples if s.labels}
    assert list(labels) == ["b", "c"]
    assert labels["b"]["detection"].read(SIZE).tolist() == [[16, 24, 48, 48, 1, 0]]
    mask = labels["b"]["segmentation"].read(SIZE)
    assert (mask[24:, 16:48] == 2).all()
    assert (mask == 2).sum() == 24 * 32
    assert (mask == 0).sum() == mask.size - 24 * 32
    assert labels["c"]["detection"].read(SIZE).shape == (0, 6)
    assert not labels["c"]["segmentation"].read(SIZE).any()


class TestSplits:
    def test_without_one_all_images_serve_for_either(self, factory):
        for split in ("train", "test"):
            assert names(masks().read(factory, split)) == NAMES

    def test_a_share_is_held_out_of_those_labelled_alike(self, factory):
        for name in range(40):
            put(factory / "factory/images" / f"{name:02}.jpg", np.zeros((2, 2, 3), np.uint8))
        section = masks(split="0.25")
        train, test = (section.read(factory, split) for split in ("train", "test"))
        assert sorted(names(train) + names(test)) == sorted(
            [*NAMES, *map("{:02}".format, range(40))]
        )
        assert sum(bool(s.labels) for s in test.samples) == 1
        assert sum(not s.labels for s in test.samples) == round(0.25 * 42)
        assert names(section.read(factory, "test")) == names(test)

    def test_images_that_come_later_leave_the_others_where_they_are(self, factory):
        section = masks(split="0.3")
        folder = factory / "factory/images"
        for name in range(100):
            put(folder / f"{name:03}.jpg", np.zeros((2, 2, 3), np.uint8))
        before = set(names(section.read(factory, "test")))
        for name in range(10):
            put(folder / f"0{name}-later.jpg", np.zeros((2, 2, 3), np.uint8))
        after = set(names(section.read(factory, "test")))
        assert len(before - after) <= 3
        moved = factory / "moved"
        shutil.move(factory / "factory", moved)
        assert set(names(masks(split="0.3", root="moved").read(factory, "test"))) == after

    def test_two_words(self, factory):
        for word, number in (("train", 3), ("val", 2)):
            for name in NAMES[:number]:
                put(factory / "f" / word / "i" / f"{name}.png", np.zeros((2, 2, 3), np.uint8))
                np.save(factory / "f" / word / f"{name}.npy", np.ones((2, 2)))
        section = custom_dataset(
            root="f", images="{split}/i/*.png", depth="{split}/*.npy", split="train val"
        )
        train, test = (section.read(factory, split) for split in ("train", "test"))
        assert (names(train), names(test)) == (["a", "b", "c"], ["a", "b"])
        assert all(
            "val" in str(s.image) and "val" in str(s.labels["depth"].file) for s in test.samples
        )
        shutil.rmtree(factory / "f" / "val")
        assert "x.cfg:images: val/i/*.png matches no file" in refusal(section, factory, "test")


class TestLists:
    @pytest.fixture
    def listed(self, factory):
        root = factory / "factory"
        (root / "images.txt").write_text("images/c.jpg\nimages/a.jpg\nimages/b.jpg\n")
        (root / "masks.txt").write_text("masks/c_mask.png\n-\nmasks/b_mask.png\n")
        return factory

    def section(self, **values):
        return masks(images="images.txt", segmentation="masks.txt", **values)

    def test_line_belongs_to_line(self, listed):
        source = self.section().read(listed, "train")
        assert names(source) == ["c", "a", "b"]
        assert [len(sample.labels) for sample in source.samples] == [1, 0, 1]
        assert source.samples[2].labels["segmentation"].file.name == "b_mask.png"

    def test_lists_of_different_lengths(self, listed):
        root = listed / "factory"
        (root / "masks.txt").write_text("masks/c_mask.png\n-\n")
        assert refusal(self.section(), listed).startswith(
            f"x.cfg:segmentation: {root}/masks.txt has 2 lines, and {root}/images.txt has 3; line n"
        )

    def test_a_listed_file_that_is_not_there(self, listed):
        (listed / "factory/images/a.jpg").unlink()
        message = refusal(self.section(), listed)
        assert message.startswith("x.cfg:images: ")
        assert "images/a.jpg: the file is missing (1 of 3 are)" in message


class TestJson:
    def section(self, **values):
        return custom_dataset(**{"images": "images/*.jpg", "detection": "boxes.json"} | values)

    def boxes(self, source):
        return {
            s.image.stem: s.labels["detection"].read(SIZE).tolist()
            for s in source.samples
            if s.labels
        }

    def test_it_names_images_and_classes(self, factory):
        path = factory / "factory/boxes.json"
        write_json(path, ["b.jpg", "images/d.jpg", "none.jpg"])
        source = self.section().read(factory, "train")
        assert source.classes == {"detection": ("nut", "bolt")}, "in the order of their ids"
        assert self.boxes(source) == {"b": [[0, 2, 10, 22, 1, 0]], "d": [[1, 2, 11, 22, 1, 0]]}
        assert {s.labels["detection"].file for s in source.samples if s.labels} == {path}
        ordered = self.section(classes="bolt nut").read(factory, "train")
        assert self.boxes(ordered)["b"] == [[0, 2, 10, 22, 0, 0]]

    def test_the_one_to_test_on_has_the_classes_of_the_other(self, factory):
        write_json(factory / "factory/boxes_train.json", ["a.jpg"])
        write_json(factory / "factory/boxes_val.json", ["b.jpg"], ("nut", "bolt"), of=1)
        root = factory / "factory"
        for word, name in (("train", "a"), ("val", "b")):
            (root / f"{word}.txt").write_text(f"images/{name}.jpg\n")
        section = self.section(
            images="{split}.txt", detection="boxes_{split}.json", split="train val"
        )
        test = section.read(factory, "test")
        assert test.classes == {"detection": ("nut", "bolt")}
        assert self.boxes(test) == {"b": [[0, 2, 10, 22, 1, 0]]}
        assert section.declared(factory).classes == test.classes

    def test_its_masks_have_a_background(self, factory):
        write_json(factory / "factory/boxes.json", ["a.jpg"])
        section = self.section(segmentation="boxes.json", split="0.5")
        source = section.read(factory, "train")
        classes = source.classes["segmentation"]
        assert classes == ("background", "nut", "bolt")
        whole = self.section(segmentation="boxes.json").read(factory, "train")
        mask = whole.samples[0].labels["segmentation"].read(SIZE)
        assert (mask[2:22, :10] == 2).all()
        assert (mask == 2).sum() == 200
        assert (mask == 0).sum() == mask.size - 200

    def test_mistakes(self, factory):
        path = factory / "factory/boxes.json"
        assert refusal(self.section(), factory).startswith(f"x.cfg:detection: {path}: ")
        write_json(path, ["x.jpg", "y.jpg"])
        assert refusal(self.section(), factory) == (
            "x.cfg:detection: boxes.json belongs to no image: it has x.jpg, and images = "
            "images/*.jpg has images/a.jpg; no image is called so"
        )
        write_json(path, ["a.jpg"])
        assert refusal(self.section(classes="nut"), factory) == (
            f"x.cfg:classes: {path}: the category 'bolt' (objects: 1) is not in classes, which is "
            "nut"
        )


def test_what_is_known_without_files(tmp_path):
    section = masks(depth="d/*.npy")
    source = section.declared(tmp_path)
    assert source.classes == {"segmentation": ("w", "x", "y", "z", "v"), "depth": ()}
    assert [set(sample.labels) for sample in source.samples] == [{"segmentation", "depth"}]
    with pytest.raises(ConfigError, match=r"boxes\.json"):
        custom_dataset(images="i/*", detection="boxes.json").declared(tmp_path)


def test_other_folders_hold_the_same_labels(scenes_root, tmp_path):
    """A rendered dataset's files in another folder structure are read as in its own."""
    original = read_split("NYUD_MT", scenes_root, "train")
    lab = tmp_path / "lab"
    for place in ("rgb", "seg", "depth", "normal"):
        (lab / "room" / place).mkdir(parents=True)
    for sample in original.samples:
        name = sample.image.stem
        shutil.copy(sample.image, lab / "room/rgb" / f"{name}.jpg")
        shutil.copy(sample.labels["segmentation"].file, lab / "room/seg" / f"s{name}.png")
        depth = np.load(sample.labels["depth"].file)
        cv2.imwrite(
            str(lab / "room/depth" / f"{name}.png"), np.rint(depth * 5000).astype(np.uint16)
        )
        normal = np.load(sample.labels["normal"].file)
        png = np.rint((normal + 1) * 127.5).astype(np.uint8)
        png[~normal.any(2)] = 0
        put(lab / "room/normal" / f"{name}.png", png)
    values = {
        "images": "*/rgb/*.*",
        "seg": "*/seg/s*.png",
        "depth": "*/depth/*.png",
        "normals": "*/normal/*.png",
        "first": "1",
        "void": "0",
        "depth_unit": "0.0002",
    }
    classes = original.classes["segmentation"]
    section = custom_dataset("lab", classes=classes, **values)
    source = section.read(tmp_path, "train")
    assert source.classes["segmentation"] == classes
    assert len(source.samples) == len(original.samples)
    tolerance = {"segmentation": 0, "depth": 1.01e-4, "normal": 0.008}
    by_name = {sample.image.stem: sample for sample in source.samples}
    for sample in original.samples:
        for kind, allowed in tolerance.items():
            wanted = sample.labels[kind].read(SIZE)
            result = by_name[sample.image.stem].labels[kind].read(SIZE)
            assert np.abs(result.astype(float) - wanted.astype(float)).max() <= allowed, kind
