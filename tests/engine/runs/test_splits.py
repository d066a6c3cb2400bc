"""How the images of a cfg are divided, and what is told before anything is trained."""

import csv

import cv2
import numpy as np
import pytest
from PIL import Image

from engine.runs.class_names import check_class_names
from engine.runs.data import build_data
from engine.runs.network import check_batch_size
from tests.running import run
from utils.errors import ConfigError, DataError

MASKS_AND_DEPTH = """
[run]
tasks = segmentation depth
device = cpu
[data]
train_dataset = shapes ranges
size = 32 64
batch_size = 4
num_workers = 0
[dataset.shapes]
root = .
images = images/*.png
segmentation = masks/*.png
classes = background thing
split = 0.25
[dataset.ranges]
root = .
images = images/*.png
depth = depth/*.npy
split = 0.25
[network]
arch = plain
backbone = timm/test_resnet
pretrained = false
[training]
optimizer = adamw
max_epoch = 1
[baselines]
potential = 0.5 0.5
"""
BOXES = """
[run]
tasks = detection
[data]
train_dataset = yard
size = 32 32
batch_size = 2
num_workers = 0
val = test
[dataset.yard]
root = .
images = images/*.png
detection = boxes/*.xml
classes = cone barrow
split = 0.25
[network]
arch = VMM
backbone = timm/test_resnet
pretrained = false
[training]
max_epoch = 1
"""
IMAGES = 24


@pytest.fixture
def root(tmp_path):
    """Images with a mask each; every other one has a depth map, every one boxes."""
    root = tmp_path / "data"
    for folder in ("images", "masks", "depth", "boxes"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k in range(IMAGES):
        Image.fromarray(rng.integers(0, 255, (32, 64, 3), np.uint8)).save(root / f"images/{k}.png")
        cv2.imwrite(str(root / f"masks/{k}.png"), rng.integers(0, 2, (32, 64), np.uint8))
        if k % 2:
            np.save(root / f"depth/{k}.npy", rng.uniform(1, 5, (32, 64)).astype(np.float32))
        (root / f"boxes/{k}.xml").write_text(
            "<annotation><size><width>64</width><height>32</height></size><object>"
            f"<name>{('cone', 'barrow')[k % 2]}</name><bndbox><xmin>3</xmin><ymin>4</ymin>"
            "<xmax>30</xmax><ymax>20</ymax></bndbox></object></annotation>"
        )
    return root


@pytest.fixture
def make(make_config, root):
    def config(text=MASKS_AND_DEPTH, *options):
        return make_config(text, "--dataset_root", str(root), *options)

    return config


def images(data):
    return {entry.image.resolve() for entry in data.entries}


class TestLeaks:
    @pytest.mark.parametrize("share", ["0.1", "0.25", "0.5"])
    @pytest.mark.parametrize("val", ["0.1", "0.4", "test", "ranges:test shapes:test"])
    def test_no_image_is_trained_on_and_tested_on(self, make, share, val):
        text = MASKS_AND_DEPTH.replace("split = 0.25", f"split = {share}", 1)
        data = build_data(make(text, "--val", *val.split()))
        assert not images(data.train) & (images(data.test) | images(data.val))
        if data.selected_on == "validation":
            assert not images(data.val) & images(data.test)
        else:
            assert val in ("test", "ranges:test shapes:test")
        assert len(images(data.train) | images(data.val) | images(data.test)) == IMAGES

    def test_what_was_left_out_is_told(self, make):
        text = MASKS_AND_DEPTH.replace("split = 0.25", "split = 0.5", 1)
        notes = build_data(make(text, "--val", "test")).notes
        assert len(notes) == 1
        assert "of the test set left the training set, such as" in notes[0]
        assert "/images/" in notes[0]

    def test_where_nothing_overlaps_nothing_is_told(self, make):
        text = MASKS_AND_DEPTH.replace("shapes ranges", "shapes").replace(" depth\ndev", "\ndev")
        assert build_data(make(text, "--val", "test")).notes == []

    def test_a_validation_set_that_is_tested_on_is_no_validation_set(self, make):
        data = build_data(make(MASKS_AND_DEPTH, "--val", "shapes:test", "ranges:test"))
        assert data.selected_on == "test"
        assert any("the checkpoint is chosen on the test set" in note for note in data.notes)


class TestUsableLabels:
    def empty(self, root, *numbers):
        for k in numbers:
            np.save(root / f"depth/{k}.npy", np.zeros((32, 64), np.float32))

    def test_usable_ones_are_held_out(self, make, root):
        held_out = [int(p.stem) for p in images(build_data(make()).val)]
        self.empty(root, *(k for k in held_out if k % 2))
        data = build_data(make())
        depth = data.tasks[1]
        [index] = data.val.labelled_for(depth)
        assert depth.usable(data.val[0, index]["targets"]["depth"])

    def test_none_to_train_on_is_an_error(self, make, root):
        self.empty(root, *range(1, IMAGES, 2))
        with pytest.raises(DataError, match="no label of the train set is usable for depth"):
            build_data(make())

    def test_depths_beyond_the_farthest_are_none(self, make, root):
        for file in (root / "depth").iterdir():
            np.save(file, 1000 * np.load(file))
        with pytest.raises(
            DataError, match=r"no label of the train set is usable for depth.*check"
        ):
            build_data(make())

    def test_none_to_test_on_is_an_error(self, make, root):
        self.empty(root, *(int(p.stem) for p in images(build_data(make()).test) if int(p.stem) % 2))
        with pytest.raises(DataError, match="no label of the test set is usable for depth"):
            build_data(make())

    def test_the_checkpoint_is_chosen_by_the_tasks_that_can_be_measured(
        self, make, root, tmp_path, capsys
    ):
        """Validation on images of another section, whose depth maps are empty."""
        (root / "empty").mkdir()
        for k in range(IMAGES):
            np.save(root / f"empty/{k}.npy", np.zeros((32, 64), np.float32))
        text = f"""{MASKS_AND_DEPTH}
[dataset.checked]
root = .
images = images/1?.png
segmentation = masks/1?.png
depth = empty/1?.npy
classes = background thing
"""
        results = run(make(text, "--max_epoch", "3", "--val", "checked:test"))
        said = capsys.readouterr().out
        assert said.count("depth cannot be measured on the validation images") == 1
        [table] = (tmp_path / "runs").glob("**/epochs.csv")
        rows = list(csv.DictReader(table.open()))
        totals = [float(row["total"]) for row in rows]
        assert totals == pytest.approx([float(row["segmentation mIoU"]) for row in rows])
        assert totals[results["best_epoch"] - 1] == max(totals) > 0


class TestClassNames:
    def refusal(self, config):
        data = build_data(config)
        with pytest.raises(ConfigError) as caught:
            check_class_names(config, data)
        return str(caught.value)

    def test_a_misspelt_class_is_told_at_its_line(self, make):
        message = self.refusal(make(BOXES.replace("cone barrow", "cone barow")))
        line = BOXES.splitlines().index("classes = cone barrow") + 1
        assert f":{line}: " in message
        assert "unknown class 'barrow'" in message
        assert "did you mean barow?" in message

    def test_nothing_is_trained_before(self, make, tmp_path):
        with pytest.raises(ConfigError, match="unknown class"):
            run(make(BOXES.replace("cone barrow", "cone barow")))
        assert not list((tmp_path / "runs").glob("**/*.pt"))

    def test_a_class_that_no_file_has_is_noted(self, make):
        config = make(BOXES.replace("cone barrow", "cone barrow bolt"))
        data = build_data(config)
        check_class_names(config, data)
        assert "yard detection: no file has an object of bolt" in data.notes

    def test_it_is_a_note_where_bad_files_are_skipped(self, make):
        config = make(BOXES.replace("cone barrow", "cone barow"), "--on_bad_sample", "skip")
        data = build_data(config)
        check_class_names(config, data)
        assert any("unknown class 'barrow'" in note for note in data.notes)


class TestSingleImages:
    def test_a_batch_of_one_that_cannot_train_is_refused_before_the_first_step(self, make):
        config = make(BOXES, "--batch_size", "1")
        with pytest.raises(ConfigError, match=r"batch_size.*BatchNorm.*batches of two"):
            run(config)

    def test_so_is_a_part_of_one(self, make):
        tasks = build_data(make(BOXES)).tasks
        check_batch_size(make(BOXES, "--batch_size", "4", "--micro_batches", "2"), tasks, 4)
        config = make(BOXES, "--batch_size", "4", "--micro_batches", "3")
        with pytest.raises(ConfigError, match=r"micro_batches.* parts of one image \(4 in 3\)"):
            check_batch_size(config, tasks, 4)

    @pytest.mark.slow
    def test_a_larger_size_trains(self, make):
        assert run(make(BOXES, "--batch_size", "1", "--size", "64", "64"))["finished"]

    def test_one_training_image_is_a_batch_of_one(self, make):
        config = make(BOXES, "--batch_size", "4")
        tasks = build_data(config).tasks
        check_batch_size(config, tasks, 2)
        with pytest.raises(ConfigError, match="with 1 training image the maps"):
            check_batch_size(config, tasks, 1)

    def test_a_batch_of_which_one_image_is_left(self, make, root):
        config = make(BOXES, "--on_bad_sample", "skip")
        for path in sorted(images(build_data(config).train))[::2]:
            path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(DataError, match=r"one image is left of a batch.*\.png: .*two images"):
            run(make(BOXES, "--on_bad_sample", "skip"))
