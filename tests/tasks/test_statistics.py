"""What labels hold, counted in parts and as a whole."""

import numpy as np
import pytest

from datasets.formats import Label
from datasets.formats.yolo_text import YoloBoxes
from tasks import TASKS
from tasks.statistics import percent, share
from tests.labels import label, read_split


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [("VOC", "detection"), ("VOC", "segmentation"), ("NYU", "depth"), ("NYUD_MT", "normal")],
)
@pytest.mark.parametrize("cut", [0, 1, 4])
def test_parts_add_up_to_the_whole(scenes_root, dataset, kind, cut):
    split = read_split(dataset, scenes_root, "train")
    labels = [s.labels[kind] for s in split.samples if kind in s.labels][:6]
    task = TASKS[kind](classes=split.classes.get(kind, ()))

    def count(labels, size):
        counted = task.label_statistics()
        for each in labels:
            counted.add(each, each.read(size), size)
        return counted

    for size in ((48, 64), (96, 128)):
        whole = count(labels, size)
        first = count(labels[:cut], size)
        first.merge(count(labels[cut:], size))
        assert first.result() == whole.result()
        assert first.lines() == whole.lines()
        assert first.notes() == whole.notes()
        assert whole.result()["counted"] == 6
        assert bool(whole.notes()) == (size != (48, 64))


def test_a_class_and_void_alone_are_noted(tmp_path):
    task = TASKS["segmentation"](classes=("background", "bolt", "nut"))
    masks = {"a": [[0, 255], [0, 0]], "b": [[0, 0], [0, 0]], "c": [[1, 0], [0, 0]]}

    def notes(names):
        counted = task.label_statistics()
        for name in names:
            np.save(tmp_path / f"{name}.npy", np.array(masks[name], np.uint8))
            stored = label(task, tmp_path / f"{name}.npy")
            counted.add(stored, stored.read((2, 2)), (2, 2))
        return counted.notes()

    assert notes("ab") == [
        "of the 3 classes only 'background' occurs, and all other pixels are void: are the numbers "
        "in the masks those of the classes?"
    ]
    assert notes("b") == notes("abc") == notes("") == []


def test_labels_of_no_size_are_not_compared(tmp_path):
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    counted = TASKS["detection"](classes=("bolt",)).label_statistics()
    stored = Label(YoloBoxes(("bolt",)), (tmp_path / "a.txt",))
    counted.add(stored, stored.read((4, 4)), (4, 4))
    assert counted.notes() == []


def test_depths_of_a_few_pixels(tmp_path):
    task = TASKS["depth"](max_depth=5.0)
    counted, path = task.label_statistics(), tmp_path / "a.npy"
    np.save(path, np.array([[np.nan, 0.0, -1.0, 1.0], [2.0, 4.0, 5.0, np.inf]], np.float32))
    stored = label(task, path)
    counted.add(stored, stored.read((2, 4)), (2, 4))
    values = counted.result()
    assert (values["nearest"], values["farthest"]) == (1.0, 5.0)
    assert 2.0 <= values["median"] <= 4.0
    assert values["without_reading"] == 4 / 8
    assert values["beyond_max_depth"] == 1 / 4


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"), (0.0, "0 %"), (1e-9, "< 0.1 %"), (0.5, "50.0 %"), (0.99999, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)  # fmt: skip
def test_a_small_share_does_not_look_like_none(value, words):
    assert percent(value) == words


def test_a_share_of_nothing_is_unknown():
    assert share(0, 0) is None
    assert share(np.int64(1), np.int64(4)) == 0.25
