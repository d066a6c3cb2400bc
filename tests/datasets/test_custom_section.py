import pytest

from datasets.custom_section import Section
from utils.errors import ConfigError


def section(**changes):
    """A section with boxes, but for the changes; its keys stand in the lines from 2 on."""
    values = {"images": ["i/*.jpg"], "detection": ["b/*.xml"], "classes": ["bolt", "nut"]}
    values |= {key: words.split() for key, words in changes.items()}
    values = {key: words for key, words in values.items() if words}
    wheres = {key: f"x.cfg:{line}" for line, key in enumerate(values, 2)}
    return Section("factory", values, wheres | {"": "x.cfg:1"})


def test_what_a_section_says():
    found = section(
        seg="m/*.png", depth="d/*.npy", normals="n/*.png", void="0", first="1", depth_unit="0.01",
        root="/data", split="0.2", segmentation_classes="none bolt nut",
    )  # fmt: skip
    assert found.root == "/data"
    assert found.images == "i/*.jpg"
    assert found.split == 0.2
    assert found.labels == {
        "depth": "d/*.npy",
        "detection": "b/*.xml",
        "normal": "n/*.png",
        "segmentation": "m/*.png",
    }
    assert found.storage == {"depth": {"unit": 0.01}, "segmentation": {"void": 0, "first": 1}}
    assert found.classes == {
        "depth": (),
        "detection": ("bolt", "nut"),
        "normal": (),
        "segmentation": ("none", "bolt", "nut"),
    }


def test_what_a_section_need_not_say():
    found = section()
    assert (found.root, found.split, found.storage) == (None, None, {})
    assert section(det_classes="a b", classes="").classes == {"detection": ("a", "b")}
    assert section(classes="", detection="b.json").classes == {"detection": None}


def test_the_words_of_a_split():
    found = section(images="{split}/*.jpg", detection="{split}.json", split="train val")
    assert found.pattern("images", "train") == "train/*.jpg"
    assert found.pattern("images", "test") == "val/*.jpg"
    assert found.pattern("detection", "test") == "val.json"
    assert section().pattern("images", "test") == "i/*.jpg"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"img": "a"}, "5: a dataset has no key 'img'; did you mean images?"),
        ({"lr": "3"}, "5: a dataset has no key 'lr'; it is one of root, images, split, classes"),
        ({"det": "b"}, "5: detection is given twice, first in x.cfg:3"),
        ({"images": ""}, "1: the dataset factory wants `images = …`"),
        ({"images": "a b.jpg"}, "2: images wants one name, not 2; one that holds blanks"),
        ({"detection": "", "classes": ""}, "1: the dataset factory wants the labels of a task: d"),
        ({"classes": ""}, "3: detection wants the names of its classes, as in `classes = bolt"),
        ({"classes": "a b a"}, "4: classes names 'a' twice"),
        ({"classes": "a, b"}, "4: classes: blanks separate names, not commas: 'a,'"),
        ({"detection": "", "depth": "d/*"}, "3: classes is about labels that the dataset does not"),
        ({"segmentation_classes": "a"}, "5: segmentation_classes is about labels that the datas"),
        ({"void": "0"}, "5: segmentation_void is about labels that the dataset does not name"),
        ({"segmentation": "m/*.png", "void": "x"}, "6: segmentation_void wants a whole number, n"),
        ({"segmentation": "m/*.png", "first": ".5"}, "6: segmentation_first wants a whole number"),
        ({"depth": "d/*.png", "depth_unit": "0"}, "depth_unit wants a number above 0, not '0'"),
        ({"depth": "d/*.png", "unit": "1 2"}, "depth_unit wants a number above 0, not '1 2'"),
        ({"split": "1.5"}, "5: split wants a share to test on, above 0 and below 1, or two words"),
        ({"split": "train"}, "not 'train'"),
        ({"split": "a a"}, "not 'a a'"),
        ({"split": "nan"}, "not 'nan'"),
        ({"split": "a b"}, "5: images = i/*.jpg has no {split} for these words"),
        ({"images": "{split}/*.jpg"}, "2: what {split} stands for is missing: `split = train"),
        ({"detection": "{split}/*", "split": ".1"}, "3: what {split} stands for is missing"),
        ({"depth": "d.json"}, "5: depth is not read from a JSON"),
        ({"detection": "b.txt"}, "3: b.txt and images = i/*.jpg: both are lists (.txt) or none is"),
        ({"images": "i.txt"}, "3: b/*.xml and images = i.txt: both are lists (.txt) or none is"),
        ({"detection": "*/*.xml"}, "3: wildcards in */*.xml: 2, in images = i/*.jpg: 1; a label b"),
        ({"images": "[z-a]*.jpg"}, "2: [z-a]*.jpg is no pattern"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(changes, says):
    with pytest.raises(ConfigError) as caught:
        section(**changes)
    message = str(caught.value)
    assert message.startswith("x.cfg:")
    assert says in message
    assert "\n" not in message
