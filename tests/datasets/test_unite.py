"""Uniting: which tasks merged datasets have, and labels of other class numbers carried over."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.base import Sample, Split
from datasets.formats import Label
from datasets.merge import MultiTaskDataset
from datasets.unite import task_label
from tests.labels import FORMATS, read_split, tasks_of
from utils.errors import DataError


def has_label(task, split, sample):
    return task_label(task, split, sample) is not None


def read_label(task, split, sample, size):
    return task_label(task, split, sample).read(size)


THINGS, ROOMS = ("background", "cat", "chair"), ("wall", "chair", "bed")
SHAPE = (4, 5)


def source(name, classes=None, storage=None, **labels):
    """A dataset of one image that has these labels."""
    classes = classes or {}
    formats = {
        kind: FORMATS[kind](classes.get(kind, ()), **(storage or {}).get(kind, {}))
        for kind in labels
    }
    stored = {kind: Label(formats[kind], (path,)) for kind, path in labels.items()}
    return Split(name, (Sample(Path("x.jpg"), stored),), classes)


@pytest.fixture
def sources():
    """'things' with masks, 'depths' with depth alone, 'rooms' with masks of other classes."""
    anywhere = Path("x")
    return [
        source("things", {"segmentation": THINGS}, segmentation=anywhere),
        source("depths", depth=anywhere),
        source("rooms", {"segmentation": ROOMS}, segmentation=anywhere, depth=anywhere),
    ]


class TestUniteTasks:
    def test_in_the_order_of_the_cfg_with_the_classes_of_the_data(self, sources):
        depth, segmentation = tasks_of(["depth", "segmentation"], sources[:2])
        assert (depth.name, depth.classes) == ("depth", ())
        assert (segmentation.name, segmentation.classes) == ("segmentation", THINGS)

    def test_different_classes_are_kept_apart(self, sources):
        tasks = tasks_of(["segmentation"], sources)
        assert {task.name: task.classes for task in tasks} == {
            "segmentation:things": THINGS,
            "segmentation:rooms": ROOMS,
        }

    def test_or_united_by_name_in_order_of_first_appearance(self, sources):
        (task,) = tasks_of(["segmentation"], sources, "unite")
        assert task.name == "segmentation"
        assert task.classes == ("background", "cat", "chair", "wall", "bed")
        assert task.head.channels == 5

    @pytest.mark.parametrize("classes", ["separate", "unite"])
    def test_equal_classes_are_one_task(self, classes):
        alike = [source(n, {"segmentation": ROOMS}, segmentation=Path("x")) for n in ("a", "b")]
        (task,) = tasks_of(["segmentation"], alike, classes)
        assert (task.name, task.classes) == ("segmentation", ROOMS)

    def test_names_are_compared_to_the_letter(self):
        named = [
            source(name, {"segmentation": (name,)}, segmentation=Path("x"))
            for name in ("sofa", "Sofa")
        ]
        assert tasks_of(["segmentation"], named, "unite")[0].classes == ("sofa", "Sofa")

    def test_a_dataset_without_labels_of_a_kind_has_no_say_in_its_classes(self, sources):
        unlabelled = source("x", {"segmentation": ("other",)})
        for classes in ("separate", "unite"):
            (task,) = tasks_of(["segmentation"], [sources[0], unlabelled], classes)
            assert (task.name, task.classes) == ("segmentation", THINGS)

    def test_options_go_to_the_tasks_that_know_them(self, sources):
        options = {"label_smoothing": 0.1, "loc_weight": 3.0}
        for classes in ("separate", "unite"):
            tasks = tasks_of(["segmentation", "depth"], sources, classes, **options)
            assert {getattr(task, "label_smoothing", None) for task in tasks} == {0.1, None}

    def test_a_kind_that_nobody_labels(self, sources):
        with pytest.raises(DataError, match="labels for normal: it names things, depths"):
            tasks_of(["depth", "normal"], sources[:2])

    def test_more_classes_than_a_mask_can_hold(self):
        many = [
            source(
                name,
                {"segmentation": tuple(f"{name}{i}" for i in range(128))},
                segmentation=Path("x"),
            )
            for name in ("a", "b")
        ]
        assert len(tasks_of(["segmentation"], many)) == 2
        with pytest.raises(DataError, match="would have 256 classes, and a mask holds 255"):
            tasks_of(["segmentation"], many, "unite")

    @pytest.mark.parametrize("classes", ["separate", "unite"])
    def test_rendered_datasets_of_different_classes(self, scenes_root, classes):
        read = [read_split(name, scenes_root, "train") for name in ("VOC", "NYU", "NYUD_MT")]
        kinds = ["segmentation", "detection", "depth", "normal"]
        data = MultiTaskDataset(read, tasks_of(kinds, read, classes), (32, 40))
        counts = {task.name: len(data.labelled_for(task)) for task in data.tasks}
        masks = {
            "separate": {"segmentation:VOC": 7, "segmentation:NYUD_MT": 16},
            "unite": {"segmentation": 23},
        }
        assert counts == masks[classes] | {"detection": 10, "depth": 32, "normal": 16}
        assert data.sizes == [10, 16, 16]


class TestHasLabel:
    def test_of_a_dataset_s_own_task_that_dataset_alone(self, sources):
        things, rooms = tasks_of(["segmentation"], sources)
        images = [(item, item.samples[0]) for item in sources]
        assert [has_label(things, *image) for image in images] == [True, False, False]
        assert [has_label(rooms, *image) for image in images] == [False, False, True]

    def test_of_a_united_task_every_dataset_with_some_of_its_classes(self, sources):
        (task,) = tasks_of(["segmentation"], sources, "unite")
        assert [has_label(task, item, item.samples[0]) for item in sources] == [True, False, True]
        for names, known in (
            (("bed", "cat"), True),
            (task.classes[::-1], True),
            (("bed", "rug"), False),
            ((), False),
        ):
            other = source("other", {"segmentation": names}, segmentation=Path("x"))
            assert has_label(task, other, other.samples[0]) == known


class TestReadLabel:
    @staticmethod
    def write_mask(path, mask):
        Image.fromarray(np.array(mask, np.uint8)).save(path)
        return path

    def test_classes_of_one_name_are_one_and_void_stays_void(self, tmp_path):
        """'things' numbers from 0, with void at 255; 'rooms' from 1, with void at 0."""
        things = source(
            "things",
            {"segmentation": THINGS},
            segmentation=self.write_mask(tmp_path / "a.png", [[0, 1, 2, 255]]),
        )
        rooms = source(
            "rooms",
            {"segmentation": ROOMS},
            {"segmentation": {"first": 1, "void": 0}},
            segmentation=self.write_mask(tmp_path / "b.png", [[1, 2, 3, 0]]),
        )
        (task,) = tasks_of(["segmentation"], [things, rooms], "unite")
        result = [
            read_label(task, item, item.samples[0], (1, 4)).tolist() for item in (things, rooms)
        ]
        assert result == [[[0, 1, 2, 255]], [[3, 2, 4, 255]]]
        assert task.classes[2] == "chair"

    def test_random_masks_of_random_classes(self, tmp_path):
        rng = np.random.default_rng(0)
        names = np.array([f"class {number}" for number in range(250)])
        for _ in range(5):
            sets = []
            for name in ("a", "b", "c"):
                mine = rng.permutation(names)[: rng.integers(1, 200)]
                mask = rng.choice([*range(len(mine)), 255], SHAPE)
                file = self.write_mask(tmp_path / f"{name}.png", mask)
                sets.append(source(name, {"segmentation": tuple(mine)}, segmentation=file))
            (task,) = tasks_of(["segmentation"], sets, "unite")
            for item in sets:
                result = read_label(task, item, item.samples[0], SHAPE)
                stored = np.array(Image.open(item.samples[0].labels["segmentation"].file))
                mine = np.array([*item.classes["segmentation"], *[""] * 256])
                united = np.array([*task.classes, *[""] * 256])
                assert result.dtype == np.uint8
                np.testing.assert_array_equal(united[result], mine[stored])
                np.testing.assert_array_equal(result == 255, stored == 255)

    def test_a_number_that_the_dataset_does_not_have_is_damage(self, tmp_path, sources):
        """Though the united task has a class of that number."""
        path = self.write_mask(tmp_path / "a.png", [[0, 4]])
        things = source("things", {"segmentation": THINGS}, segmentation=path)
        (task,) = tasks_of(["segmentation"], [things, sources[2]], "unite")
        with pytest.raises(DataError, match=r"a\.png: has the value 4, but the 3 classes"):
            read_label(task, things, things.samples[0], (1, 2))

    def test_boxes(self, tmp_path):
        path = tmp_path / "a.xml"
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>1</ymin><xmax>{x + 1}</xmax>"
            "<ymax>3</ymax></bndbox></object>"
            for x, name in ((1, "chair"), (3, "cat"))
        )
        path.write_text(
            f"<annotation><size><width>5</width><height>4</height></size>{objects}</annotation>"
        )
        homes = source("homes", {"detection": ("bed", "chair")}, detection=path)
        pets = source("pets", {"detection": ("cat", "chair")}, detection=path)
        (task,) = tasks_of(["detection"], [homes, pets], "unite")
        assert task.classes == ("bed", "chair", "cat")
        result = read_label(task, pets, pets.samples[0], SHAPE)
        assert result.dtype == np.float32
        assert result.tolist() == [[0, 0, 2, 3, 1, 0], [2, 0, 4, 3, 2, 0]]
        with pytest.raises(DataError, match="unknown class 'cat'; it is one of bed, chair"):
            read_label(task, homes, homes.samples[0], SHAPE)

    def test_tasks_without_classes_and_the_storage_of_a_dataset(self, tmp_path):
        np.save(tmp_path / "a.npy", np.full(SHAPE, 1500.0, np.float32))
        item = source("mm", storage={"depth": {"unit": 1e-3}}, depth=tmp_path / "a.npy")
        (task,) = tasks_of(["depth"], [item], "unite")
        np.testing.assert_allclose(read_label(task, item, item.samples[0], SHAPE), 1.5)

    def test_rendered_chairs_are_chairs_in_both_datasets(self, scenes_root):
        """VOC and NYUD_MT show other scenes in other numbers; the share of chairs is comparable,
        and what a dataset does not name does not occur in it."""
        read = [read_split(name, scenes_root, "train") for name in ("VOC", "NYUD_MT")]
        tasks = tasks_of(["segmentation"], read, "unite")
        data = MultiTaskDataset(read, tasks, (48, 64))
        pixels = {item.name: np.zeros(256, int) for item in read}
        for index in data.labelled_for(tasks[0]):
            target = data.entries[index].labels[0].read((48, 64))
            pixels[data.entries[index].dataset] += np.bincount(target.ravel(), minlength=256)
        names = tasks[0].classes
        for item in read:
            occurring = {names[number] for number in np.flatnonzero(pixels[item.name][:255])}
            assert occurring <= set(item.classes["segmentation"])
        assert all(counts[names.index("chair")] > 0 for counts in pixels.values())
        assert pixels["VOC"][names.index("background")] > 0
        assert pixels["NYUD_MT"][names.index("wall")] > 0
