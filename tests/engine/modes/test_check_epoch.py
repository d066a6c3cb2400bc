"""What `--mode check` says of an epoch is what the loader gives to a training."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest

import train_test
from engine.config import read
from engine.runs.data import build_data
from tests.running import CPU

CFG = """
[run]
tasks = seg depth normal
[data]
train_dataset = NYUv2 NYU
val = test
size = 32 48
batch_size = 3
num_workers = 0
min_scale = 1
max_scale = 1
[training]
max_epoch = 3
"""


@pytest.fixture
def check(scenes_root, tmp_path):
    """Checks a cfg, without the readings of one depth map; returns its arguments and what it
    prints."""
    root = tmp_path / "data"
    for name in ("NYUv2", "NYU"):
        shutil.copytree(scenes_root / name, root / name)
    path = root / "NYUv2" / "train" / "depth" / "3.npy"
    np.save(path, np.zeros_like(np.load(path)))
    (tmp_path / "tiny.cfg").write_text(CFG)

    def check(*options):
        argv = [str(tmp_path / "tiny.cfg"), "--dataset_root", str(root), *options]
        argv += ["--runs", str(tmp_path / "runs")]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert train_test.main([*argv, "--mode", "check"]) == 0
        return argv, printed.getvalue()

    return check


def loaded_labels(argv):
    """(batches, tasks): how many labels of each task the batches of a training hold."""
    config = read(argv)
    data = build_data(config)
    loader, _ = data.loaders(config, CPU)
    return np.array(
        [
            [int(batch.labelled[task.name].sum()) for task in data.tasks]
            for epoch in range(1, config.training.max_epoch + 1)
            for batch in loader.epoch(epoch)
        ]
    )


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--protocol", "one-label"),
        ("--sampling", "balanced", "--epoch_images", "10", "--seed", "4"),
        ("--protocol", "random-label", "--keep_unlabelled", "--tasks", "depth", "normal"),
    ],
    ids=["concat", "one-label", "balanced", "random-label"],
)
def test_it_counts_what_the_loader_gives(check, options):
    argv, printed = check(*options, "--json")
    told = json.loads(printed)["epoch"]
    counts = loaded_labels(argv)
    assert told["epochs"] * told["batches"] == len(counts)
    assert (told["epochs"], told["batch_size"]) == (3, 3)
    for of_task, column in zip(told["tasks"].values(), counts.T, strict=True):
        assert of_task["epoch"] == pytest.approx(column.sum() / 3)
        assert of_task["batch"] == pytest.approx(column.mean())
        assert of_task["least"] == column.min()
        assert of_task["batches_without"] == pytest.approx((column == 0).mean())


def test_a_label_without_a_valid_pixel_does_not_count(check):
    _, printed = check("--train_dataset", "NYUv2", "--batch_size", "6", "--max_epoch", "1")
    assert printed.partition("usable labels")[2].splitlines()[:5] == [
        " to train on, 1 batch of 6 an epoch:",
        "                an epoch  a batch  least  batches without",
        "  segmentation       6.0      6.0      6              0 %",
        "  depth              5.0      5.0      5              0 %",
        "  normal             6.0      6.0      6              0 %",
    ]


def test_it_tells_the_protocol(check):
    _, printed = check("--train_dataset", "NYUv2", "--protocol", "one-label")
    assert "note: NYUv2: protocol one-label (protocol_seed = 0) keeps of the training" in printed
