"""Checkpoints: whole or not there, and refused where they do not fit."""

from dataclasses import dataclass

import pytest
import torch

import models
from engine import checkpoint
from tasks.base import BoxHead, DenseHead
from utils.errors import DataError

SEG, DEPTH, BOXES = DenseHead(5), DenseHead(1), BoxHead(3)


@dataclass
class Build:
    """A small network that differs from another one in as little as is said."""

    arch: str = "VMM"
    backbone: str = "resnet18"
    channels: int = 8
    neck: str = "fpn"

    def make(self, **heads):
        return models.build(
            heads=heads,
            size=(32, 32),
            pretrained=False,
            arch=self.arch,
            backbone=self.backbone,
            channels=self.channels,
            neck=self.neck,
        )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "best.pt"
    checkpoint.save(path, {"network": Build().make(seg=SEG, det=BOXES).state_dict(), "epoch": 3})
    return path


def test_what_was_saved_is_loaded(stored):
    state = checkpoint.load(stored)
    assert state["epoch"] == 3
    network = Build().make(seg=SEG, det=BOXES)
    checkpoint.load_network(network, state["network"], stored)
    assert all(torch.equal(v, state["network"][k]) for k, v in network.state_dict().items())
    assert [path.name for path in stored.parent.iterdir()] == ["best.pt"]


def test_the_order_of_the_tasks_is_of_no_matter(stored):
    state = checkpoint.load(stored)["network"]
    checkpoint.load_network(Build().make(det=BOXES, seg=SEG), state, stored)


@pytest.mark.parametrize(
    ("build", "heads", "named", "not_named"),
    [
        (Build(), {"seg": DenseHead(4), "det": BOXES},
         ["head of seg is for other classes (5 outputs, the cfg's has 4)"],
         ["backbone", "neck", "det"]),
        (Build(), {"seg": SEG, "det": BoxHead(2)},
         ["head of det is for other classes (9 outputs, the cfg's has 6)"],
         ["backbone", "neck", "seg"]),
        (Build(), {"seg": SEG},
         ["its tasks are seg, det, the cfg's seg"], ["backbone", "neck", "head of"]),
        (Build(), {"seg": SEG, "depth": DEPTH},
         ["its tasks are seg, det, the cfg's seg, depth"], ["backbone", "neck", "head of"]),
        (Build(backbone="resnet50"), {"seg": SEG, "det": BOXES},
         ["its backbone is built otherwise"], ["tasks", "head of"]),
        (Build(neck="triv2-bifpn"), {"seg": SEG, "det": BOXES},
         ["its neck is built otherwise"], ["tasks", "backbone", "head of"]),
        (Build(channels=16), {"seg": SEG, "det": BOXES},
         ["its neck has other sizes (", "its head of seg has other sizes"], ["tasks", "backbone"]),
        (Build(arch="DeepLab"), {"seg": SEG},
         ["its tasks are", "its neck is built otherwise", "head of seg is built otherwise"],
         ["backbone"]),
    ],
)  # fmt: skip
def test_another_network_is_refused_and_its_parts_are_named(stored, build, heads, named, not_named):
    network, state = build.make(**heads), checkpoint.load(stored)["network"]
    with pytest.raises(DataError) as refusal:
        checkpoint.load_network(network, state, stored)
    line = str(refusal.value)
    assert line.startswith(f"{stored}: is of another network: ")
    for part in named:
        assert part in line
    for part in not_named:
        assert part not in line.removeprefix(str(stored))
    assert "\n" not in line


@pytest.mark.parametrize("content", [[1, 2], {}, {"network": 3}, {"network": {"weight": "x"}}])
def test_a_file_of_something_else(tmp_path, content):
    path = tmp_path / "x.pt"
    torch.save(content, path)
    with pytest.raises(DataError, match=r"x\.pt: holds no network"):
        checkpoint.load(path)


def test_a_torchvision_file_has_no_tasks(tmp_path, stored):
    with pytest.raises(DataError, match="its tasks are none, the cfg's seg"):
        checkpoint.load_network(Build().make(seg=SEG), {"conv1.weight": torch.zeros(1)}, stored)


def test_half_a_file_is_refused(stored, tmp_path):
    half = tmp_path / "half.pt"
    half.write_bytes(stored.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"half\.pt: cannot be read as a checkpoint"):
        checkpoint.load(half)
    with pytest.raises(DataError, match="there is no such checkpoint"):
        checkpoint.load(tmp_path / "none.pt")
