"""What every dataset promises, on a small rendering of each."""

import numpy as np
import pytest

from datasets import DATASETS
from datasets.formats.images import read_image
from datasets.unite import build_tasks
from tasks import TASKS
from tests.conftest import FEW, RENDERED_SIZE, TRAIN, VAL
from tests.labels import read_split
from utils.errors import DataError
from utils.geometry import Warp

IMAGES = {"NYU": (TRAIN, VAL), "NYUD_MT": (TRAIN, VAL)}
UNPUBLISHED = {"PASCALContext": {"human_parts"}, "PASCAL_MT": {"human_parts"}}
"""The types of labels of which nobody says how many there are."""

pytestmark = pytest.mark.parametrize("name", [name for name in DATASETS if name != "HME"])


def test_the_full_counts_are_known_of_every_split_and_type_of_label(name):
    expected = DATASETS[name].expected
    if name == "Taskonomy":  # of which the numbers of the buildings are published alone
        assert not expected
        return
    assert set(expected) == {"train", "test"}
    for counts in expected.values():
        known = set(counts) | UNPUBLISHED.get(name, set())
        assert known == {"images", *DATASETS[name].labels}
        assert max(counts.values()) == counts["images"]


def test_its_signs_lie_in_its_folder(name, scenes_root):
    folder = scenes_root / DATASETS[name].folder
    assert any((folder / sign).exists() for sign in DATASETS[name].signs)


def test_where_it_is_not_one_is_told_how_to_get_it(name, tmp_path):
    with pytest.raises(DataError) as caught:
        read_split(name, tmp_path, "train")
    message = str(caught.value)
    assert "\n" not in message
    assert name in message
    assert str(tmp_path / DATASETS[name].folder) in message
    assert "--dataset_root" in message
    assert f"scripts/render_scenes.py --root {tmp_path} --layout {name}" in message


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_is_declared_is_what_is_read(name, split, scenes_root):
    read, declared = (
        read_split(name, scenes_root, split),
        DATASETS[name](name).declared(scenes_root),
    )
    assert read.name == declared.name == name
    types = {task_type for sample in read.samples for task_type in sample.labels}
    assert types == set(declared.samples[0].labels) == set(DATASETS[name].labels)
    choices = [TASKS.choose(task_type) for task_type in types]
    tasks, of_declared = build_tasks(choices, [read]), build_tasks(choices, [declared])
    assert [t.classes for t in tasks] == [t.classes for t in of_declared]
    if name != "VOC":  # which has images of two years
        assert len(read.samples) == IMAGES.get(name, FEW)[split == "test"]
    assert len({sample.image for sample in read.samples}) == len(read.samples)
    assert all(sample.image.is_relative_to(read.root) for sample in read.samples)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_file_can_be_read(name, split, scenes_root):
    listed = read_split(name, scenes_root, split)
    tasks = {t: TASKS[t](listed.classes.get(t, ())) for t in DATASETS[name].labels}
    targets = {task_type: [] for task_type in tasks}
    for sample in listed.samples:
        assert read_image(sample.image).shape[:2] == RENDERED_SIZE
        for task_type, label in sample.labels.items():
            assert label.format.label_type == tasks[task_type].label_type
            assert label.format.stored_size(label) == RENDERED_SIZE
            targets[task_type].append(label.read(RENDERED_SIZE))
    for task_type, task in tasks.items():
        unlabelled = task.unlabelled_target(RENDERED_SIZE)
        assert any(task.usable(target) for target in targets[task_type])
        whole = Warp.resize(RENDERED_SIZE, RENDERED_SIZE)
        for target in (task.warp(label, whole) for label in targets[task_type]):
            assert target.dtype == unlabelled.dtype
            assert target.shape[1:] == unlabelled.shape[1:]
        if task_type == "detection":
            assert np.concatenate(targets[task_type])[:, 4].max() < len(task.classes)
        if task_type == "segmentation":
            classes = np.unique(targets[task_type])
            assert classes[classes != 255].max() < len(task.classes)


def test_a_missing_file_is_named_unless_that_is_allowed(name, scenes_root, tmp_path):
    (tmp_path / DATASETS[name].folder).parent.mkdir(exist_ok=True)
    sample = read_split(name, scenes_root, "train").samples[0]
    missing = next(label.file for label in sample.labels.values())
    copy(scenes_root / DATASETS[name].folder, tmp_path / DATASETS[name].folder, without=missing)
    place = tmp_path / missing.relative_to(scenes_root)
    with pytest.raises(DataError) as caught:
        read_split(name, tmp_path, "train")
    assert str(caught.value).startswith(f"{place}: the file is missing")


def copy(source, target, without):
    """Links to all files of a folder, but one."""
    for file in source.rglob("*"):
        if file.is_file() and file != without:
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
