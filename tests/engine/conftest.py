"""Tiny cfgs on the rendered data: the whole main job in seconds."""

from pathlib import Path

import pytest

from engine.config import read
from engine.runs.baselines import baseline_config
from tests.blocks import write_blocks
from tests.running import save_untrained

DENSE = """
[run]
tasks = seg depth normal
[data]
train_dataset = NYUD_MT
val = 0.2
size = 32 64
batch_size = 4
num_workers = 0
[network]
arch = DeepLab
backbone = timm/test_resnet
pretrained = false
channels = 16
[training]
optimizer = adam
lr = 8e-3
scheduler = polynomial
warmup_epoch = 0
max_epoch = 2
ema = true
ema_momentum = 0.9
"""

PARTIAL = """
[run]
tasks = seg det depth
[data]
train_dataset = VOC NYU
val = 0.2
size = 32 64
batch_size = 4
num_workers = 0
[network]
arch = VMM
backbone = timm/test_resnet
pretrained = false
[training]
optimizer = adamw
lr = 8e-3
max_epoch = 1
"""


@pytest.fixture
def cfg(tmp_path):
    """Writes the text of a cfg, by default the dense one, and returns its path."""

    def write(text: str = DENSE, name: str = "tiny") -> Path:
        path = tmp_path / "cfg" / f"{name}.cfg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def write(tmp_path):
    """Writes a text to a file of a new folder, and returns its path as a user would give it."""

    def write(text: str, name: str = "x.cfg") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def make_config(cfg, scenes_root, tmp_path):
    """Reads a cfg as the command line would, on the rendered data, with runs in a new folder."""

    def make(text: str = DENSE, *options: str, name: str = "tiny"):
        argv = [str(cfg(text, name)), "--dataset_root", str(scenes_root)]
        argv += ["--runs", str(tmp_path / "runs"), *options]
        return read(argv)

    return make


@pytest.fixture
def make_teachers(tmp_path):
    """The checkpoint of a single-task network a task, untrained, as a run would have left it."""

    def make(config, tasks):
        paths = {}
        for number, task in enumerate(tasks):
            path = tmp_path / "singles" / task.name / "best.pt"
            single = baseline_config(config, task)
            paths[task.name] = save_untrained(single, task, path, seed=100 + number)
        return paths

    return make


@pytest.fixture(scope="session")
def blocks_root(tmp_path_factory):
    """Two datasets that label different classes; see `tests.blocks`."""
    folder = tmp_path_factory.mktemp("blocks")
    write_blocks(folder)
    return folder


@pytest.fixture
def dense():
    return DENSE


@pytest.fixture
def partial():
    return PARTIAL
