"""Sections `[dataset.<name>]` of a cfg: what of them is the business of a cfg."""

import pytest

from engine.config import read, read_baseline
from engine.runs.identity import differences
from tests.settings import settings
from utils.errors import ConfigError

CFG = """\
[run]
tasks = depth
[data]
train_dataset = factory NYU
val = yard:test

[dataset.factory]
root = "/my data/factory #1"
images = {split}/*.jpg   # a pattern
depth-unit = 0.1
depth = depth/*.png
segmentation = masks/*.png
classes = bolt "hex key"
split = train val

[training]
lr = 1e-3

[dataset.yard]
images = *.jpg
depth = *.png

[dataset.other]
images = x
depth = y
"""


def test_the_words_of_a_section(write):
    cfg = write(CFG)
    config = read([cfg])
    assert {name: dict(choice.settings) for name, choice in config.datasets.items()} == {
        "factory": {
            "root": "/my data/factory #1",
            "images": "{split}/*.jpg",
            "depth_unit": 0.1,
            "depth": "depth/*.png",
            "segmentation": "masks/*.png",
            "classes": ("bolt", "hex key"),
            "split": ("train", "val"),
        },
        "yard": {"images": "*.jpg", "depth": "*.png"},
        "other": {"images": "x", "depth": "y"},
    }
    assert settings(config)["lr"] == 1e-3
    assert config.places["dataset.factory"] == f"{cfg}:7"
    assert config.places["dataset.factory.images"] == f"{cfg}:9"
    assert config.places["dataset.yard"] == f"{cfg}:19"


def test_the_text_gives_the_same_sections_of_the_datasets_that_are_used(write):
    config = read([write(CFG)])
    again = read([write(config.text(), "again.cfg")])
    assert again.identity() == config.identity()
    assert again.text() == config.text()
    assert list(again.datasets) == ["factory", "yard"]


def test_a_section_can_be_continued_and_flags_may_stand_in_it(write):
    text = "--app depth\n[dataset.a]\nimages = x\n--lr 2\n[run]\n[dataset.a]\ndepth = y\n"
    config = read([write(text)])
    assert config.datasets["a"].settings == {"images": "x", "depth": "y"}
    assert settings(config)["lr"] == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[dataset.a b]", "3: a dataset's name has letters, digits, _ and -, not 'a b'"),
        ("[dataset.]", "3: a dataset's name has letters, digits, _ and -, not ''"),
        (f"[dataset.{'x' * 61}]", "and no more than 60"),
        ("[dataset]\nimages = x", "3: there is no section [dataset]"),
        ("[datset.x]\nimages = x", "3: there is no section [datset.x]; did you mean dataset.<na"),
        ("[dataset.a]\nimages = x\nimages = y", "5: images is given twice, first in "),
        ('[dataset.a]\nimages = x"y', "4: images holds a quotation mark"),
        ("[dataset.a]\nimages = x\x07", "4: images holds a quotation mark or an invisible"),
    ],
)
def test_a_mistake_gets_its_place(write, line, says):
    cfg = write(f"[run]\ntasks = depth\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read([cfg])
    assert str(caught.value).startswith(f"{cfg}:")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("bolt", "nut", ["classes in [dataset.factory]"]),
        ("split = train val", "split = train test", ["split in [dataset.factory]"]),
        ("images = *.jpg", "images = *.png", ["images in [dataset.yard]"]),
        ("images = x", "images = y", []),
    ],
)
def test_what_a_used_dataset_says_decides_a_run(write, old, new, names):
    identity = read([write(CFG)]).identity()
    other = read([write(CFG.replace(old, new), "changed.cfg")]).identity()
    assert differences(identity, other) == differences(other, identity) == names


def test_a_baseline_has_the_sections_of_its_cfg(write):
    config = read([write(CFG), "--lr", "3"])
    single = write(
        "[run]\ntasks = depth\n[dataset.factory]\nimages = other\ndepth = y\n", "single.cfg"
    )
    baseline = read_baseline(single, config)
    assert baseline.datasets["factory"].settings == {"images": "other", "depth": "y"}
    assert settings(baseline)["lr"] == 3
