"""One checkpoint and its ONNX file for all tests of a worker: to write ONNX takes far longer than
anything else here."""

import contextlib
import io

import pytest
import torch

import train_test
from engine import open_network
from engine.config import read
from engine.runs import checkpoint
from engine.runs.folder import run_folder
from engine.runs.network import declared_tasks, make_network
from models.layers import start_at

VMM = """
[run]
tasks = seg det depth
[data]
train_dataset = VOC NYU
size = {size}
aspect = keep
[network]
arch = VMM
backbone = timm/test_resnet
pretrained = false
channels = 8
neck = fpn
head_type = dsconv
"""

PLAIN = """
[run]
tasks = seg depth
[data]
train_dataset = NYUD_MT
size = {size}
[network]
arch = plain
backbone = timm/test_resnet
pretrained = false
"""


class Trained:
    """A run's best checkpoint, with its network and tasks."""

    def __init__(self, folder, dataset_root, text, size):
        cfg = folder / "tiny.cfg"
        cfg.write_text(text.format(size=f"{size[0]} {size[1]}"))
        self.argv = [str(cfg), "--mode", "export", "--runs", str(folder / "runs")]
        self.argv += ["--dataset_root", str(dataset_root)]
        config = read(self.argv)
        tasks = declared_tasks(config)
        torch.manual_seed(0)
        network = make_network(config, {task.name: task.head for task in tasks})
        if "detection" in network.heads:
            for level in network.heads["detection"].labels:
                start_at(level.predict, 0.0)  # scores that a trained network would give
        with torch.no_grad():
            # Statistics other than those of a new network, as training leaves them.
            network.train()(torch.randn(8, 3, *size))
        self.best = run_folder(config).best
        self.best.parent.mkdir(parents=True)
        header = checkpoint.header(config, tasks)
        checkpoint.save(self.best, {**header, "network": network.state_dict()})
        self.network, self.tasks = open_network(self.best)

    def export(self, *options):
        """Runs the command, and returns what it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert train_test.main([*self.argv, *options]) == 0
        return printed.getvalue()


@pytest.fixture(scope="session")
def make_trained(tmp_path_factory, scenes_root):
    """Makes a run whose network has one of the cfgs above and a size (height, width)."""

    def make(text, size):
        return Trained(tmp_path_factory.mktemp("export"), scenes_root, text, size)

    return make


@pytest.fixture(scope="session")
def trained(make_trained):
    """Of a size that is one cell high, for which alone it can be exported: that is far faster."""
    return make_trained(VMM, (32, 64))


@pytest.fixture(scope="session")
def onnx_file(trained):
    """The checkpoint as ONNX, and what was printed. The checkpoint says what its network is: the
    cfg may have other parts by now."""
    other = ["--tasks", "seg", "--size", "64", "--arch", "DeepLab", "--ckpt", str(trained.best)]
    return trained.best.with_suffix(".onnx"), trained.export(*other)


@pytest.fixture(scope="session")
def dense_of_any_size(make_trained):
    return make_trained(PLAIN, (64, 64))


@pytest.fixture(scope="session")
def boxes_of_any_size(make_trained):
    return make_trained(VMM, (64, 96))
