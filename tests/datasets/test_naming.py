"""What the names of classes mean in merged data: aliases, classes left out, coarse classes, and
those that a dataset labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datasets.base import Sample, Split
from datasets.formats import Label
from datasets.merge import MultiTaskDataset
from datasets.naming import Naming, read_naming
from datasets.unite import class_map, class_numbers, task_label
from tasks.class_maps import LEFT_OUT, UNLABELLED
from tests.labels import FORMATS, tasks_of
from utils.errors import ConfigError, DataError

SHAPE = (4, 5)


def dataset(name, task_type, classes, naming=None, file="x"):
    label = Label(FORMATS[task_type](classes), (Path(file),))
    sample = Sample(Path(f"{name}.jpg"), {task_type: label})
    return Split(name, (sample,), {task_type: classes}, naming=naming or Naming())


def named(*words, **labelled):
    """A naming of `[data]` for each of some datasets: `name=(labelled, …)`, () for all."""
    naming = read_naming(*words) if words else Naming()
    return {
        name: replace(naming, labelled=frozenset(names) if names else None)
        for name, names in labelled.items()
    }


class TestMaps:
    def test_boxes_of_united_datasets(self):
        cars = dataset("cars", "detection", ("car", "bus"))
        persons = dataset("persons", "detection", ("person", "bus"))
        (task,) = tasks_of(["detection"], [cars, persons], "unite")
        assert task.classes == ("car", "bus", "person")
        assert class_map(task, cars).tolist() == [0, 1, UNLABELLED]
        assert class_map(task, persons).tolist() == [UNLABELLED, 1, 2]
        assert class_numbers(task, persons) == (2, 1)

    def test_masks_with_and_without_a_background(self):
        things = dataset("things", "segmentation", ("background", "cat", "chair"))
        rooms = dataset("rooms", "segmentation", ("wall", "chair"))
        (task,) = tasks_of(["segmentation"], [things, rooms], "unite")
        assert task.classes == ("background", "cat", "chair", "wall")
        assert class_map(task, things).tolist() == [0, 1, 2, 0]
        assert class_map(task, rooms).tolist() == [UNLABELLED, UNLABELLED, 2, 3]

    def test_separate_tasks_have_labels_of_all_their_classes(self):
        things = dataset("things", "segmentation", ("background", "cat"))
        rooms = dataset("rooms", "segmentation", ("wall", "cat"))
        for task, split in zip(
            tasks_of(["segmentation"], [things, rooms]), (things, rooms), strict=True
        ):
            assert class_map(task, split).tolist() == [0, 1]

    def test_names_that_mean_the_same(self):
        names = named(["tv:tvmonitor", "dining table:diningtable"], [], [], a=(), b=())
        a = dataset("a", "detection", ("tvmonitor", "diningtable"), names["a"])
        b = dataset("b", "detection", ("dining table", "tv", "tvmonitor"), names["b"])
        (task,) = tasks_of(["detection"], [a, b], "unite")
        assert task.classes == ("tvmonitor", "diningtable")
        assert class_numbers(task, b) == (1, 0, 0)
        assert class_map(task, b).tolist() == [0, 1]

    def test_what_is_left_out_is_no_class(self):
        names = named([], ["van"], [], a=(), b=())
        a = dataset("a", "detection", ("van", "car"), names["a"])
        b = dataset("b", "detection", ("car", "bus"), names["b"])
        (task,) = tasks_of(["detection"], [a, b], "unite")
        assert task.classes == ("car", "bus")
        assert class_numbers(task, a) == (LEFT_OUT, 0)
        assert class_map(task, a).tolist() == [0, UNLABELLED]

    def test_a_coarse_class_is_one_of_labels_alone(self):
        names = named([], [], ["vehicle:car,bus"], a=(), b=())
        a = dataset("a", "segmentation", ("background", "car", "bus", "person"), names["a"])
        b = dataset("b", "segmentation", ("background", "vehicle", "tree"), names["b"])
        (task,) = tasks_of(["segmentation"], [a, b], "unite")
        assert task.classes == ("background", "car", "bus", "person", "tree")
        assert task.label_classes[5] == "vehicle"
        assert task.head.channels == 5
        assert class_numbers(task, b) == (0, 5, 4)
        assert class_map(task, b).tolist() == [0, 5, 5, 0, 4]
        (alone,) = tasks_of(["segmentation"], [b], "unite")
        assert alone.classes == ("background", "vehicle", "tree"), "whose finer ones nobody labels"

    @pytest.mark.parametrize(
        ("classes", "number"), [(("background", "car", "dog"), 0), (("car", "dog"), UNLABELLED)]
    )
    def test_what_a_dataset_is_said_not_to_label_counts_as_what_it_calls_background(
        self, classes, number
    ):
        names = named(a=("car",), b=())
        a = dataset("a", "segmentation", classes, names["a"])
        b = dataset("b", "segmentation", classes, names["b"])
        (task,) = tasks_of(["segmentation"], [a, b], "unite")
        assert task.classes == classes
        assert class_numbers(task, a)[classes.index("dog")] == number
        assert class_map(task, a)[classes.index("dog")] == number

    def test_a_dataset_that_labels_nothing_of_a_task_has_no_labels_for_it(self):
        names = named(a=("dog",), b=())
        a = dataset("a", "segmentation", ("background", "car"), names["a"])
        b = dataset("b", "segmentation", ("background", "car"), names["b"])
        (task,) = tasks_of(["segmentation"], [a, b], "unite")
        assert task_label(task, a, a.samples[0]) is None
        assert task_label(task, b, b.samples[0]) is not None
        with pytest.raises(DataError, match="no dataset of the cfg has labels for segmentation"):
            tasks_of(["segmentation"], [a], "unite")


class TestBatch:
    @pytest.fixture
    def data(self, tmp_path):
        """Three images: of 'a', which labels cars, and of 'b', which labels dogs."""
        Image.fromarray(np.zeros((*SHAPE, 3), np.uint8)).save(tmp_path / "x.png")
        Image.fromarray(np.ones(SHAPE, np.uint8)).save(tmp_path / "mask.png")
        splits = []
        for name, thing, images in (("a", "car", 1), ("b", "dog", 2)):
            split = dataset(
                name, "segmentation", ("background", thing), None, tmp_path / "mask.png"
            )
            [sample] = split.samples
            samples = (replace(sample, image=tmp_path / "x.png"),) * images
            splits.append(replace(split, samples=samples))
        return MultiTaskDataset(splits, tasks_of(["segmentation"], splits, "unite"), SHAPE)

    def test_it_says_of_each_image_which_classes_are_labelled(self, data):
        batch = data.collate([data[0, i] for i in range(3)])
        maps = batch.class_maps["segmentation"]
        assert maps.tolist() == [[0, 1, 0], [0, 0, 2], [0, 0, 2]]
        target, labelled, class_map = batch.labels["segmentation"]
        assert target[:, 0, 0].tolist() == [1, 2, 2]
        assert labelled.all()
        assert class_map is maps

    def test_a_part_of_it_has_a_part_of_them_and_an_empty_share_none(self, data):
        batch = data.collate([data[0, i] for i in range(3)])
        assert batch.first(1).class_maps["segmentation"].tolist() == [[0, 1, 0]]
        assert batch.to(torch.device("cpu")).class_maps["segmentation"].shape == (3, 3)
        empty = data.empty_batch()
        assert empty.class_maps["segmentation"].shape == (0, 3)
        logits = torch.zeros(0, 3, *SHAPE, requires_grad=True)
        total, count = data.tasks[0].criterion(logits, *empty.labels["segmentation"])
        assert total.item() == count.item() == 0
        total.backward()


@pytest.mark.parametrize(
    ("words", "option", "message"),
    [
        ((["tv"], [], []), "aliases", "wants words such as tv:tvmonitor, not 'tv'"),
        ((["tv:"], [], []), "aliases", "not 'tv:'"),
        ((["a:b,c"], [], []), "aliases", "'a' wants one other name"),
        ((["a:a"], [], []), "aliases", "'a' wants one other name"),
        ((["a:b", "a:c"], [], []), "aliases", "names 'a' twice"),
        ((["a:b", "b:c"], [], []), "aliases", "'a' stands for 'b', which stands for another"),
        (([], [], ["vehicle"]), "coarse_classes", "not 'vehicle'"),
        (([], [], ["vehicle:car,,bus"]), "coarse_classes", "not 'vehicle:car,,bus'"),
        (([], ["car"], ["vehicle:car"]), "coarse_classes", "'car' is left out"),
        (([], [], ["thing:vehicle", "vehicle:car"]), "coarse_classes", "'vehicle' holds finer"),
    ],
)
def test_words_that_cannot_be(words, option, message):
    with pytest.raises(ConfigError, match=message) as mistake:
        read_naming(*words)
    assert mistake.value.option == option
