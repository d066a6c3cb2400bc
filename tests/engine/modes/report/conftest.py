"""A small sweep, trained once."""

import shutil

import pytest

from engine.config import read
from tests.running import run

CFG = """
[run]
tasks = depth normal
[data]
train_dataset = NYUD_MT
val = 0.25
size = 32 64
batch_size = 4
num_workers = 0
[network]
arch = DeepLab
backbone = timm/test_resnet
pretrained = false
channels = 8
[training]
optimizer = adam
lr = 8e-3
warmup_epoch = 0
max_epoch = 1
"""
LOSSES, SEEDS = ("amtl", "weighted-sum"), (0, 1)


@pytest.fixture(scope="session")
def sweep(tmp_path_factory, scenes_root):
    """The folder `runs` of two losses and two seeds. Tests do not change it."""
    folder = tmp_path_factory.mktemp("sweep")
    path = folder / "cfg" / "small.cfg"
    path.parent.mkdir()
    path.write_text(CFG)
    words = [str(path), "--dataset_root", str(scenes_root), "--runs", str(folder / "runs")]
    for loss in LOSSES:
        for seed in SEEDS:
            run(read([*words, "--loss", loss, "--seed", str(seed)]))
    return folder / "runs"


@pytest.fixture
def copied(sweep, tmp_path):
    """The same runs as they come from two machines, without the checkpoints."""
    without = shutil.ignore_patterns("*.pt", "constants", "tensorboard")
    for machine, seed in enumerate(SEEDS):
        for loss in LOSSES:
            path = f"small/{loss}/seed{seed}"
            shutil.copytree(sweep / path, tmp_path / f"machine{machine}" / path, ignore=without)
    shutil.copytree(sweep / "baselines", tmp_path / "machine0" / "baselines", ignore=without)
    return tmp_path
