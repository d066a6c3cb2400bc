"""What labels hold, counted in parts and as a whole."""

import numpy as np
import pytest
from PIL import Image

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
    assert values["median"] == pytest.approx(2.0, rel=5e-4)
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


def count_depths(path, metres=None, **storage):
    """The statistics of one label, of (2, 3) `metres` or of a file that is there."""
    task = TASKS["depth"]()
    if metres is not None:
        np.save(path, metres)
    counted, stored = task.label_statistics(), label(task, path, **storage)
    counted.add(stored, stored.read((2, 3)), (2, 3))
    return counted


@pytest.mark.parametrize("factor", [1e-3, 0.01, 1.0, 700.0, 1e6, 1e12])
def test_the_median_depth_lies_within_the_range(tmp_path, factor):
    metres = np.array([[1.746, 2, 3], [4, 5, 6.566]]) * factor
    result = count_depths(tmp_path / "a.npy", metres).result()
    assert result["nearest"] <= result["median"] <= result["farthest"]
    if factor <= 1e6:
        assert result["median"] == pytest.approx(3 * factor, rel=5e-4)


@pytest.mark.parametrize(("factor", "says"), [(1e-3, "depth_unit"), (1.0, None), (100.0, "metres")])
def test_implausible_units_are_noted(tmp_path, factor, says):
    notes = count_depths(tmp_path / "a.npy", np.linspace(2, 9, 6).reshape(2, 3) * factor).notes()
    assert [says in note for note in notes] == ([True] if says else [])


@pytest.mark.parametrize("storage", [{}, {"baseline": 0.5, "focal_length": 1000.0}])
def test_the_largest_number_of_a_type_is_noted(tmp_path, storage):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[2000, 65535, 3000], [4000, 0, 65535]], np.uint16)).save(path)
    counted = count_depths(path, **storage)
    assert counted.result()["largest_number"] == pytest.approx(2 / 6)
    assert "33.3 % of the pixels hold the largest number" in counted.notes()[-1]
    assert "depth_invalid" in counted.notes()[-1]
    counted = count_depths(path, invalid=(0.0, 65535.0), **storage)
    assert counted.result()["largest_number"] == 0
    assert not any("depth_invalid" in note for note in counted.notes())


def test_where_normals_point(tmp_path):
    task, path = TASKS["normal"](), tmp_path / "a.npy"
    np.save(path, np.array([[[0, 0, 1], [0, 0.6, 0.8], [0, 0, 0], [1, 0, 0], [0, 0, -1.0]]]))
    for storage, expected in (({}, 2 / 4), ({"axes": ("right", "up", "back")}, 1 / 4)):
        counted, stored = task.label_statistics(), label(task, path, **storage)
        counted.add(stored, stored.read((1, 5)), (1, 5))
        assert counted.result()["positive_z"] == expected
        assert f"z above 0: {100 * expected:.1f} %" in counted.lines()[0]
        assert counted.decided["axes"].total() == 1
