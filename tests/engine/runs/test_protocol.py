"""A run whose training images keep some of their labels, and its baselines."""

import csv

import pytest
import torch

from engine.config import read
from engine.runs.baselines import baseline_config, single_task
from engine.runs.data import build_data
from engine.runs.experiment import run_experiment
from engine.runs.folder import run_folder
from tests.running import run
from utils.errors import ConfigError, UserError

ONE_LABEL = ("--protocol", "one-label")
ROWS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 0]]


@pytest.fixture
def rooms(make_config, dense):
    """A cfg on the rendered NYUv2, all six images of which are trained on."""
    text = dense.replace("NYUD_MT", "NYUv2").replace("val = 0.2", "val = test")
    text = text.replace("batch_size = 4", "batch_size = 2").replace(
        "max_epoch = 2", "max_epoch = 1"
    )

    def make(*options, name="tiny"):
        return make_config(text, *options, name=name)

    return make


@pytest.fixture
def list_file(tmp_path):
    """Writes a list of the labels to keep, and returns the options that name it."""

    def write(rows=ROWS, name="onelabel.pth", dtype=torch.float32):
        path = tmp_path / name
        torch.save({"labels_weights": torch.tensor(rows, dtype=dtype)}, path)
        return "--protocol", "list", "--protocol_list", str(path)

    return write


def images(dataset, task):
    return {dataset.entries[i].image.stem for i in dataset.labelled_for(task)}


def key(config, name="depth"):
    [task] = [task for task in build_data(config).tasks if task.name == name]
    single = baseline_config(config, task)
    return single_task(single, build_data(single, only=task)).key


def test_what_is_validated_and_tested_on_keeps_all_labels(make_config, dense):
    text = dense.replace("val = 0.2", "val = 0.25")
    one_label = (*ONE_LABEL, "--protocol_tasks", "segmentation", "depth", "normal")
    full, partial = build_data(make_config(text)), build_data(make_config(text, *one_label))
    assert [len(partial.train), len(partial.val), len(partial.test)] == [12, 4, 6]
    assert sum(len(partial.train.labelled_for(task)) for task in partial.tasks) == 12
    for task, of_full in zip(partial.tasks, full.tasks, strict=True):
        assert len(images(partial.test, task)) == 6
        held_out = images(partial.val, task)
        assert held_out == images(full.val, of_full), "they do not depend on the protocol"


def test_a_baseline_learns_from_the_labels_of_the_multi_task_network(rooms):
    config = rooms("--protocol", "random-label")
    data = build_data(config)
    for task in data.tasks:
        single = build_data(baseline_config(config, task), only=task)
        assert images(single.train, task) == images(data.train, task)


def test_the_list_says_which_images_are_labelled(rooms, list_file):
    data = build_data(rooms(*list_file()))
    labelled = {task.name: images(data.train, task) for task in data.tasks}
    assert labelled == {
        "segmentation": {"0", "3", "5"},
        "depth": {"1", "3", "4"},
        "normal": {"2", "4"},
    }


def test_the_protocol_is_in_the_key_of_a_baseline(rooms, list_file):
    keys = [
        key(rooms(*options))
        for options in [
            (),
            ONE_LABEL,
            (*ONE_LABEL, "--protocol_seed", "1"),
            ("--protocol", "random-label"),
            list_file(),
            list_file([[1, 1, 0], *ROWS[1:]], "other.pth"),
        ]
    ]
    assert len(set(keys)) == len(keys)


def test_a_list_counts_by_what_it_holds(rooms, list_file):
    config = rooms(*list_file())
    moved = rooms(*list_file(name="moved.pth", dtype=torch.int64))
    assert key(moved) == key(config)
    assert moved.identity() == config.identity()
    assert rooms(*list_file(ROWS[::-1])).identity() != moved.identity()


class TestBaselineOfItsOwnCfg:
    @pytest.fixture
    def baseline(self, cfg):
        """The cfg of the baseline of depth, of cfgs with these lines in [data]."""

        def make(multi, single):
            data = "[run]\ntasks = {}\n[data]\ntrain_dataset = NYUv2\n{}\n"
            path = cfg(data.format("depth", single), "single")
            text = data.format("depth normal", multi)
            text += f"[baselines]\nbaselines = {path} {path}"
            config = read([str(cfg(text, "multi"))])
            return baseline_config(config, config.run.tasks[0].build(()))

        return make

    @pytest.mark.parametrize("single", ["", "protocol = one-label"])
    def test_it_has_the_protocol_of_the_multi_task_network(self, baseline, single):
        config = baseline("protocol = one-label", single)
        assert config.path.endswith("single.cfg")
        assert config.data.protocol.name == "one-label"

    @pytest.mark.parametrize("multi", ["", "protocol = one-label\nprotocol_seed = 1"])
    def test_another_protocol_is_refused(self, baseline, multi):
        with pytest.raises(ConfigError, match=r"single.cfg:5: a baseline learns from the labels"):
            baseline(multi, "protocol = one-label")


def test_a_run_writes_down_what_it_keeps_and_goes_on_with_nothing_else(rooms, list_file):
    one_task = ("--tasks", "depth", "--loss", "weighted-sum", "--arch", "plain")
    config = rooms(*list_file(), *one_task)
    results = run(config)
    assert results["train_labels"] == {"depth": 3}
    assert results["protocol"]["name"] == "list"
    folder = run_folder(config)
    rows = list(csv.reader(folder.protocol.read_text().splitlines()))
    assert rows[0] == ["dataset", "image", "depth", "normal", "segmentation"]
    assert rows[1:3] == [
        ["NYUv2", "train/image/0.npy", "0", "0", "1"],
        ["NYUv2", "train/image/1.npy", "1", "0", "0"],
    ]
    told = "keeps of the training labels: depth 3 of 6; 3 images without a label for the cfg's"
    assert told in folder.log.read_text()

    list_file(ROWS[::-1])
    with pytest.raises(UserError, match="holds a run with other values of protocol_list"):
        run_experiment(config)
    folder.results.unlink()
    with pytest.raises(UserError, match=r"protocol.csv names other labels than those"):
        run_experiment(config)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--protocol", "twolabel"), "there is no protocol 'twolabel'"),
        (
            ("--protocol", "list"),
            r"--protocol: a list wants its file: protocol_list = onelabel.pth",
        ),
        ((*ONE_LABEL, "--protocol_tasks", "sex"), "there is no task 'sex'"),
        ((*ONE_LABEL, "--protocol_tasks", "det"), "no training image has a label for detection"),
        (("--protocol", "list", "--protocol_list", "x.pth"), "--protocol_list: x.pth: the file is"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(rooms, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build_data(rooms(*options))


def test_one_label_is_the_only_draw_on_mtan_s_streets(rooms, list_file):
    """It has labels for two tasks, of which random-label would keep one too."""
    streets = ("--train_dataset", "Cityscapes_MTAN", "--tasks", "segmentation", "inverse_depth")
    with pytest.raises(ConfigError, match="--protocol: Cityscapes_MTAN has no protocol random-lab"):
        build_data(rooms(*streets, "--protocol", "random-label"))
    for options in (ONE_LABEL, list_file([[1, 0], [0, 1]] * 3)):
        data = build_data(rooms(*streets, *options))
        classes, depth = (images(data.train, task) for task in data.tasks)
        assert len(classes | depth) == 6
        assert not classes & depth
    assert classes == {"0", "2", "4"}


def test_a_task_that_keeps_no_label_is_told(rooms, list_file):
    complaint = "--protocol: the training images keep none of their 6 labels for normal"
    with pytest.raises(ConfigError, match=complaint):
        build_data(rooms(*list_file([[1, 1, 0]] * 6)))
