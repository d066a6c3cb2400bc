"""A user's own datasets, from the cfg to a trained network."""

import json
import os
import shutil

import pytest

import train_test
from engine.runs.baselines import baseline_config
from engine.runs.data import build_data
from engine.runs.datasets import read_split, validation_splits
from engine.runs.network import declared_tasks
from tasks import TASKS
from utils.errors import ConfigError, DataError

CLASSES = "bottle chair diningtable pottedplant sofa tvmonitor"
OWN = f"""
[run]
tasks = det depth
[data]
train_dataset = salon robot
val = 0.2
size = 32 64
batch_size = 8
num_workers = 0
[dataset.salon]
images = photos/*.jpg
det = boxes/*.xml
classes = {CLASSES}
split = 0.3
[dataset.robot]
images = {{split}}/*/rgb_*.jpg
depth = {{split}}/*/sync_depth_*.png
split = train val
[network]
arch = VMM
backbone = timm/test_resnet
pretrained = false
[training]
optimizer = adamw
max_epoch = 1
"""


@pytest.fixture
def own_root(scenes_root, tmp_path):
    """Rendered files in folders of a user's own: boxes in one dataset, depth in another."""
    root = tmp_path / "own"
    (root / "salon/photos").mkdir(parents=True)
    (root / "salon/boxes").mkdir()
    for year in ("VOC2007", "VOC2012"):
        for kind, place in (("JPEGImages", "photos"), ("Annotations", "boxes")):
            for file in (scenes_root / "VOC" / year / kind).iterdir():
                shutil.copy(file, root / "salon" / place)
    shutil.copytree(scenes_root / "NYU/sync", root / "robot/train")
    shutil.copytree(scenes_root / "NYU/official_splits/test", root / "robot/val")
    return root


@pytest.fixture
def make(make_config, own_root):
    def config(text=OWN, *options):
        return make_config(text, "--dataset_root", str(own_root), *options)

    return config


def refusal(make, text, *options):
    with pytest.raises(ConfigError) as caught:
        make(text, *options)
    return str(caught.value)


def test_a_network_is_trained_on_a_user_s_own_datasets(cfg, own_root, tmp_path, capsys):
    runs = tmp_path / "runs"
    argv = [str(cfg(OWN, "own")), "--dataset_root", str(own_root), "--runs", str(runs)]
    assert train_test.main([*argv, "--device", "cpu"]) == 0
    folder = runs / "own/amtl/seed0"
    results = json.loads((folder / "results.json").read_text())
    assert results["finished"]
    assert set(results["metrics"]) == {"detection", "depth"}
    assert len(list((runs / "baselines").iterdir())) == 2
    capsys.readouterr()

    again = cfg((folder / "config.cfg").read_text(), "again")
    assert train_test.main([str(again)]) == 0
    out = capsys.readouterr().out
    assert out.count("there: ") == 2, "its baselines are there already"

    other = cfg(OWN.replace("split = 0.3", "split = 0.4"), "own")
    assert train_test.main([str(other), *argv[1:]]) == 2
    assert "holds a run with other values of split in [dataset.salon]" in capsys.readouterr().err


def test_the_images_and_labels_are_those_of_the_sections(make):
    data = build_data(make())
    detection = data.tasks[0]
    assert detection.classes == tuple(CLASSES.split())
    boxes, readings = (len(data.train.labelled_for(task)) for task in data.tasks)
    assert 0 < boxes < len(data.train)
    assert boxes + readings == len(data.train)
    assert {str(e.image).split("/robot/")[1][:3] for e in data.test.entries[-6:]} == {"val"}
    assert declared_tasks(make())[0].classes == detection.classes


def test_own_datasets_are_merged_with_those_that_come_along(make, scenes_root):
    text = OWN.replace("train_dataset = salon robot", "train_dataset = VOC robot")
    text = text.replace(
        "[dataset.robot]\n", f"[dataset.robot]\nroot = {make().data.dataset_root}/robot\n"
    )
    config = make(text, "--dataset_root", str(scenes_root), "--val", "robot:test")
    assert [c.name for c in config.data.train_dataset] == ["VOC", "robot"]
    assert [(c.name, s) for c, s in validation_splits(config)] == [("robot", "test")]
    data = build_data(config, only=TASKS["depth"]())
    assert len(data.train) == 16
    assert len(data.val) == 6


def test_own_datasets_are_not_rendered(make, own_root, capsys):
    words = "--tasks depth --train_dataset robot NYUD_MT --render_train 2 --render_val 1"
    data = build_data(make(OWN, *words.split(), "--render_size", "24", "32"))
    assert "rendering NYUD_MT into " in capsys.readouterr().out
    assert {entry.dataset for entry in data.train.entries} == {"robot", "NYUD_MT"}
    assert len(data.test) == 6 + 1


def test_a_dataset_without_a_split_serves_for_one_thing(make):
    text = OWN.replace("split = 0.3\n", "")
    message = refusal(make, text)
    assert ":10: the cfg both trains and tests on salon, which does not say" in message
    assert "add `split = 0.2` to [dataset.salon]" in message
    assert "trains and tests on salon" in refusal(
        make, text, "--test_dataset", "robot", "--val", "salon:test"
    )
    config = make(text, "--train_dataset", "robot", "--test_dataset", "robot", "salon")
    assert len(build_data(config, only=TASKS["depth"]()).test.entries) == 6


def test_names(make):
    assert "did you mean salon?" in refusal(make, OWN, "--train_dataset", "salom")
    assert "salon has the splits train and test, not 'val'" in refusal(
        make, OWN, "--val", "salon:val"
    )
    taken = OWN.replace("[dataset.robot]", "[dataset.NYU_MT]")
    assert ":15: the dataset NYU_MT comes along and is read as it is; give your own" in (
        refusal(make, taken.replace("salon robot", "salon"))
    )
    assert ":13: a dataset has no key 'clases'" in refusal(make, OWN.replace("classes", "clases"))


def test_files_that_are_not_there_are_told_with_the_place_in_the_cfg(make, own_root):
    config = make(OWN.replace("photos/*.jpg", "photos/*.png"))
    with pytest.raises(ConfigError, match=r"tiny\.cfg:11: photos/\*\.png matches no file below"):
        read_split(config, config.datasets["salon"], own_root, "train")


def test_a_network_whose_classes_only_a_missing_file_knows(make):
    text = OWN.replace(f"classes = {CLASSES}\n", "").replace("boxes/*.xml", "boxes.json")
    with pytest.raises(ConfigError, match=r"tiny\.cfg:12: .*boxes\.json: .*; name its classes"):
        declared_tasks(make(text))


def test_a_baseline_in_a_cfg_of_its_own_has_its_own_sections(make, cfg):
    single = OWN.replace("tasks = det depth", "tasks = depth").replace("salon robot", "robot")
    path = cfg(single.replace("split = train val", "split = train val\ndepth_unit = 0.1"), "single")
    config = make(OWN, "--baselines", str(path), str(path))
    baseline = baseline_config(config, TASKS["depth"]())
    assert baseline.datasets["robot"].build("robot").storage("depth") == {"unit": 0.1}


def test_a_file_whose_name_is_not_utf8(make, own_root):
    name = os.fsdecode(b"photos/a\xff.jpg")
    (own_root / "salon" / name).write_bytes(b"-")
    with pytest.raises(DataError, match=r"a\\udcff\.jpg: the file's name is not UTF-8; rename"):
        build_data(make())


def test_a_home_that_there_is_not_is_a_folder_that_there_is_not(make):
    with pytest.raises(ConfigError, match="no folder ~nobody-at-all/salon"):
        build_data(make(OWN, "--dataset_root", "~nobody-at-all"))
