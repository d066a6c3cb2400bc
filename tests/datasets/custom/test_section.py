import pytest

from datasets.custom.division import Division
from engine.config import read
from utils.errors import ConfigError


@pytest.fixture
def section(tmp_path):
    """A section with boxes, but for the changes, as a cfg gives it; its keys stand in the lines
    from 2 on."""

    def make(**changes):
        values = {"images": "i/*.jpg", "detection": "b/*.xml", "classes": "bolt nut"} | changes
        lines = [f"{key} = {words}" for key, words in values.items() if words]
        path = tmp_path / "x.cfg"
        path.write_text("\n".join(["[dataset.factory]", *lines, "[run]", "tasks = det"]))
        return read([str(path)]).datasets["factory"].build("factory")

    return make


def test_what_a_section_says(section):
    result = section(
        seg="m/*.png", depth="d/*.npy", normals="n/*.png", void="0", first="1", depth_unit="0.01",
        root="/data", split="0.2", segmentation_classes="none bolt nut",
    )  # fmt: skip
    assert result.root == "/data"
    assert result.images == "i/*.jpg"
    assert result.selection.division.share == 0.2
    assert {t: labels.pattern for t, labels in result.labels_of.items()} == {
        "depth": "d/*.npy",
        "detection": "b/*.xml",
        "normal": "n/*.png",
        "segmentation": "m/*.png",
    }
    assert result.storage("depth") == {"unit": 0.01}
    assert result.storage("segmentation") == {"void": 0, "first": 1}
    assert {t: labels.class_names for t, labels in result.labels_of.items()} == {
        "depth": (),
        "detection": ("bolt", "nut"),
        "normal": (),
        "segmentation": ("none", "bolt", "nut"),
    }


def test_what_a_section_need_not_say(section):
    result = section()
    assert (result.root, result.selection.division) == (None, Division())
    assert result.storage("detection") == {}
    labels = section(det_classes="a b", classes="").labels_of["detection"]
    assert labels.class_names == ("a", "b")
    labels = section(classes="", detection="b.json").labels_of["detection"]
    assert labels.class_names is None


@pytest.mark.parametrize("task", ["depth", "normal", "edge", "saliency", "human_parts"])
def test_a_key_without_a_task_is_about_the_labels_that_the_section_has(section, task):
    classes = "" if task != "human_parts" else "background head"
    result = section(detection="", classes=classes, **{task: "m/*.npz", "key": "0"})
    assert result.storage(task) == {"key": "0"}


def test_the_words_of_a_split(section):
    result = section(images="{split}/*.jpg", detection="{split}.json", split="train val")
    assert result.selection.division == Division(words=("train", "val"))


SHARED = (
    "5: masks mostly count the background as 0, and boxes have none: name the classes of the masks "
    "in `segmentation_classes`, with background first where 0 is it"
)


@pytest.mark.parametrize("masks", ["m/*.png", "m/*.npy", "m/*.*"])
def test_masks_of_numbers_share_no_classes_with_boxes(section, masks):
    with pytest.raises(ConfigError) as caught:
        section(seg=masks)
    assert str(caught.value).endswith(f"x.cfg:{SHARED}")
    section(seg=masks, segmentation_classes="background bolt nut")
    section(seg=masks, detection_classes="bolt nut", classes="background bolt nut")
    shared = section(seg=masks, classes="background bolt nut").labels_of
    assert shared["segmentation"].class_names == ("background", "bolt", "nut")
    assert shared["detection"].class_names == ("bolt", "nut")
    section(seg=masks, detection="")


@pytest.mark.parametrize(
    "words",
    [
        {"seg": "m/*.txt"},
        {"seg": "m.json"},
        {"seg": "m/*.png", "segmentation_numbers": "1 2"},
        {"seg": "m/*.png", "first": "1"},
        {"seg": "m/*.png", "colours": "0,0,0 128,0,0"},
    ],
)
def test_masks_whose_numbers_are_known_may_share_their_classes(section, words):
    result = section(**words)
    assert result.labels_of["segmentation"].class_names == ("bolt", "nut")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"img": "a"}, "5: a dataset has no key 'img'; did you mean images?"),
        ({"lr": "3"}, "5: a dataset has no key 'lr'; "),
        ({"det": "b"}, "5: detection is given twice, first in "),
        ({"images": ""}, "1: the dataset factory wants `images = …`"),
        ({"images": "a b.jpg"}, "2: images wants one value (text), not 2 of them"),
        ({"detection": "", "classes": ""}, "1: the dataset factory wants the labels of a task: d"),
        ({"classes": ""}, "3: detection wants the names of its classes, as in `classes = bolt"),
        ({"classes": "a b a"}, "4: classes names 'a' twice"),
        ({"classes": "a, b"}, "4: classes: blanks separate several values, not commas: 'a,'"),
        ({"detection": "", "depth": "d/*"}, "3: classes is about labels that the dataset does not"),
        ({"segmentation_classes": "a"}, "5: segmentation_classes is about labels that the datas"),
        ({"void": "0"}, "5: void is about labels of edge, human_parts, "),
        (
            {"segmentation": "m/*.png", "parts": "p/*.png", "void": "0"},
            "7: void may mean human_parts_void or segmentation_void here: write which",
        ),
        ({"segmentation": "m/*.png", "void": "x"}, "6: segmentation_void wants a whole number, n"),
        ({"segmentation": "m/*.png", "first": ".5"}, "6: segmentation_first wants a whole number"),
        ({"segmentation": "m/*.png", "numbers": "a"}, "6: segmentation_numbers wants whole number"),
        ({"depth": "d/*.png", "depth_unit": "0"}, "depth_unit wants a number, above 0, not '0'"),
        (
            {"depth": "d/*.png", "unit": "1 2"},
            "depth_unit wants one value (a number, above 0), not 2 of them",
        ),
        ({"split": "1.5"}, "5: split wants a share to test on, above 0 and below 1, or two words"),
        ({"split": "train"}, "not 'train'"),
        ({"split": "a a"}, "not 'a a'"),
        ({"split": "nan"}, "not 'nan'"),
        ({"split": "a b"}, "5: images = i/*.jpg has no {split} for these words"),
        ({"images": "{split}/*.jpg"}, "2: what {split} stands for is missing: `split = train"),
        ({"detection": "{split}/*", "split": ".1"}, "3: what {split} stands for is missing"),
        ({"depth": "d.json"}, "5: depth is not read from a JSON"),
        ({"detection": "b.txt"}, "3: b.txt and images = i/*.jpg: both are lists (.txt, .csv) or n"),
        ({"images": "i.txt"}, "3: b/*.xml and images = i.txt: both are lists (.txt, .csv) or n"),
        ({"detection": "*/*.xml"}, "3: wildcards in */*.xml: 2, in images = i/*.jpg: 1; a label b"),
        ({"images": "[z-a]*.jpg"}, "2: [z-a]*.jpg is no pattern"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(section, changes, says):
    with pytest.raises(ConfigError) as caught:
        section(**changes)
    message = str(caught.value)
    assert "x.cfg:" in message
    assert says in message
    assert "\n" not in message
