"""An untrained network of every kind of task, and images for it."""

import cv2
import numpy as np
import pytest
import torch

import train_test
from engine import open_network
from engine.config import read
from engine.runs import checkpoint
from engine.runs.network import declared_tasks, make_network

CFG = """
[run]
tasks = seg det depth normal
[data]
train_dataset = VOC NYUD_MT
size = 48 64
aspect = keep
[network]
arch = VMM
backbone = resnet18
pretrained = false
channels = 8
[training]
scheduler = plateau
threshold = 0
"""


@pytest.fixture(scope="session")
def run_of_network(tmp_path_factory):
    """The folder of a run with the best network in it, and nothing else."""
    folder = tmp_path_factory.mktemp("run")
    path = folder / "tiny.cfg"
    path.write_text(CFG)
    config = read([str(path)])
    path.unlink()
    tasks = declared_tasks(config)
    torch.manual_seed(0)
    network = make_network(config, {task.name: task.head for task in tasks})
    state = {**checkpoint.header(config, tasks), "network": network.state_dict()}
    checkpoint.save(folder / "best.pt", state)
    return folder


@pytest.fixture(scope="session")
def network(run_of_network):
    """The network and its tasks, as a library has them."""
    return open_network(run_of_network)


def draw_image(seed=0, size=(90, 61)):
    """(H, W, 3) uint8: coloured noise, coarse enough that a network sees something."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def image():
    """Makes an image of a seed and a size."""
    return draw_image


@pytest.fixture
def put():
    """Writes an image to a file, whose folder is made."""

    def put(path, array):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), array[..., ::-1])
        return path

    return put


@pytest.fixture
def predict_mode(run_of_network):
    """Runs the mode; returns the exit status."""

    def run(source, output, *options):
        words = ["--mode", "predict", "--ckpt", run_of_network, "--device", "cpu"]
        words += ["--input", *(source if isinstance(source, list) else [source])]
        return train_test.main([str(w) for w in (*words, "--output", output, *options)])

    return run
