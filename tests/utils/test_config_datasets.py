"""Sections `[dataset.<name>]` of a cfg: what of them is the business of a cfg."""

import pytest

from utils.config import Methods, read, read_file
from utils.errors import ConfigError

METHODS = Methods({"amtl": {}})

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
classes = bolt "hex key"
split = train val

[training]
lr = 1e-3

[dataset.yard]
[dataset.other]
images = x
"""


@pytest.fixture
def cfg(tmp_path):
    def write(text, name="x.cfg"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def test_the_words_of_a_section(cfg):
    path = cfg(CFG)
    config = read([path], METHODS)
    assert config.datasets == {
        "factory": {
            "root": ["/my data/factory #1"],
            "images": ["{split}/*.jpg"],
            "depth_unit": ["0.1"],
            "classes": ["bolt", "hex key"],
            "split": ["train", "val"],
        },
        "yard": {},
        "other": {"images": ["x"]},
    }
    assert config.lr == 1e-3
    assert config.where("dataset.factory") == f"{path}:7"
    assert config.where("dataset.factory.images") == f"{path}:9"
    assert config.where("dataset.yard") == f"{path}:17"


def test_the_text_gives_the_same_sections(cfg):
    config = read([cfg(CFG)], METHODS)
    again = read([cfg(config.text(), "again.cfg")], METHODS)
    assert again == config
    assert again.text() == config.text()
    assert again.key("depth") == config.key("depth")


def test_a_section_can_be_continued_and_flags_may_stand_in_it(cfg):
    text = "--app depth\n[dataset.a]\nimages = x\n--lr 2\n[run]\n[dataset.a]\ndepth = y\n"
    config = read([cfg(text)], METHODS)
    assert config.datasets == {"a": {"images": ["x"], "depth": ["y"]}}
    assert config.lr == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[dataset.a b]", "3: a dataset's name has letters, digits, _ and -, not 'a b'"),
        ("[dataset.]", "3: a dataset's name has letters, digits, _ and -, not ''"),
        ("[dataset]\nimages = x", "3: there is no section [dataset]"),
        ("[datset.x]\nimages = x", "3: there is no section [datset.x]; did you mean dataset.<na"),
        ("[dataset.a]\nimages = x\nimages = y", "5: images is given twice, first in "),
        ('[dataset.a]\nimages = x"y', "4: images holds a quotation mark"),
        ("[dataset.a]\nimages = x\x07", "4: images holds a quotation mark or an invisible"),
    ],
)
def test_a_mistake_gets_its_place(cfg, line, says):
    path = cfg(f"[run]\ntasks = depth\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read([path], METHODS)
    assert str(caught.value).startswith(f"{path}:")
    assert says in str(caught.value)


def test_what_a_used_dataset_says_decides_a_run_and_its_baselines(cfg):
    config = read([cfg(CFG)], METHODS)

    def changed(old, new):
        return read([cfg(CFG.replace(old, new), "changed.cfg")], METHODS)

    for old, new, names in (
        ("bolt", "nut", ["classes in [dataset.factory]"]),
        ("split = train val\n", "", ["split in [dataset.factory]"]),
        ("[dataset.yard]\n", "[dataset.yard]\nimages = x\n", ["images in [dataset.yard]"]),
    ):
        other = changed(old, new)
        assert config.differences(other) == other.differences(config) == names
        assert config.key("depth") != other.key("depth")
    unused = changed("images = x", "images = y")
    assert unused.differences(config) == []
    assert unused.key("depth") == config.key("depth")
    moved = changed("split = train val\n", "").replace(datasets=config.datasets)
    assert moved.differences(config) == []


def test_a_cfg_without_sections_keeps_its_key(cfg):
    plain = "[run]\ntasks = depth\n"
    unused = f"{plain}[dataset.a]\nimages = x\n"
    assert read([cfg(plain)], METHODS).key("a") == read([cfg(unused)], METHODS).key("a")


def test_a_baseline_has_the_sections_of_its_own_cfg(cfg):
    config = read([cfg(CFG), "--lr", "3"], METHODS)
    single = cfg("[run]\ntasks = depth\n[dataset.factory]\nimages = own\n", "single.cfg")
    baseline = read_file(single, config.overrides, METHODS)
    assert baseline.datasets == {"factory": {"images": ["own"]}}
    assert baseline.lr == 3
