"""Networks whose predictions are smaller than the image, and their labels: PSPNet without
enlargement."""

import shutil

import numpy as np
import pytest
import torch

import train_test
from datasets.formats.images import read_image
from engine import open_network, predict
from engine.runs.data import build_data
from engine.runs.folder import run_folder
from tests.labels import custom_dataset
from tests.running import make_loop, run, save_untrained
from utils.errors import ConfigError

STREETS = """
[run]
tasks = seg instance disparity
loss = weighted-sum
[data]
train_dataset = Cityscapes
val = test
size = 64 96
aspect = keep
batch_size = 3
num_workers = 0
[network]
arch = PSPNet
enlarge = none
backbone = timm/test_resnet
pretrained = false
channels = 8
[training]
optimizer = adam
lr = 1e-3
warmup_epoch = 0
max_epoch = 1
[baselines]
potential = 0.5 0.5 0.5
"""


@pytest.fixture
def config(make_config):
    return lambda *options: make_config(STREETS, *options)


def test_a_run_trains_tests_draws_and_predicts(config, scenes_root, tmp_path):
    config = config()
    results = run(config)
    metrics = results["metrics"]
    assert set(metrics["instance"]) == {"near", "abs_err"}
    assert all(np.isfinite(list(of_task.values())).all() for of_task in metrics.values())
    folder = run_folder(config)
    assert (folder.pictures / "0" / "instance_truth.png").exists()
    shutil.copytree(scenes_root / "Cityscapes/leftImg8bit/val/lindau", tmp_path / "in")
    words = ["--mode", "predict", "--ckpt", folder.path, "--input", tmp_path / "in"]
    words += ["--output", tmp_path]
    assert train_test.main([*map(str, words), "--device", "cpu"]) == 0
    dataset = custom_dataset(
        root=str(tmp_path),
        images="in/*.png",
        instance="instance/npy/*.npy",
        disparity="disparity/npy/*.npy",
        split="0.5",
    )
    network, tasks = open_network(folder.best)
    [sample, *_] = dataset.read(tmp_path, "test").samples
    predicted = predict(network, tasks, read_image(sample.image))
    shapes = {name: array.shape for name, array in predicted.items()}
    assert shapes == {"segmentation": (48, 64), "instance": (48, 64, 2), "disparity": (48, 64)}
    for task in tasks[1:]:
        stored = sample.labels[task.name].read((48, 64))
        np.testing.assert_allclose(stored, predicted[task.name], atol=1e-5)
        assert task.usable(stored)


def test_targets_are_as_small_and_of_the_nearest_pixels(config):
    data = build_data(config("--aspect", "stretch")).test
    item, entry = data[0, 0], data.entries[0]
    assert item["image"].shape == (64, 96, 3)
    assert data.label_size == (8, 12)
    # The pixels of the file in whose area the middle of 8 × 8 pixels of the image lies.
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(int) for count, side in ((8, 48), (12, 64))
    )
    for task, label in zip(data.tasks, entry.labels, strict=True):
        stored, target = label.read((48, 64))[rows][:, columns], item["targets"][task.name]
        if task.name == "instance":
            target, stored = np.isfinite(target[..., 0]), stored > 0
            assert stored.sum() > 10
        # Some of them lie between two pixels.
        assert (target == stored).mean() > 0.9


def test_teachers_targets_are_as_small(config, tmp_path):
    config = config(
        "--loss", "kd-amtl", "--tasks", "instance", "disparity", "--potential", "0.5", "0.5"
    )
    tasks = build_data(config).tasks
    paths = {t.name: save_untrained(config, t, tmp_path / f"{t.name}.pt") for t in tasks}
    loop = make_loop(config, tmp_path / "run", paths)
    batch = next(iter(loop.train_loader.epoch()))
    _, losses_of = loop.step.task_losses.on(batch, 1)
    losses = losses_of()
    assert set(losses) == {"instance", "disparity"}
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_a_size_that_is_no_multiple_is_told(config, tmp_path):
    with pytest.raises(ConfigError, match="60 × 90"):
        make_loop(config("--size", "60", "90"), tmp_path)
