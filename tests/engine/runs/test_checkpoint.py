"""Checkpoints: whole or not there, and refused where they do not fit."""

from dataclasses import dataclass

import pytest
import torch

from engine import open_network
from engine.runs import checkpoint
from engine.runs.network import declared_tasks
from engine.runs.network import make_network as run_network
from tasks.base import BoxHead, DenseHead
from tests.building import make_network
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
        options = {"channels": self.channels}
        options |= {"neck": self.neck} if self.arch == "VMM" else {}
        return make_network(self.arch, self.backbone, heads, (32, 32), **options)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "best.pt"
    checkpoint.save(
        path, {"network": Build().make(seg=SEG, det=BOXES).state_dict(), "epoch": 3, "format": 2}
    )
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


def test_a_checkpoint_of_another_program_is_told_what_to_do(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"state_dict": {"module.conv.weight": torch.zeros(1)}, "epoch": 1}, path)
    with pytest.raises(DataError, match=r"no network.*, but state_dict, epoch; .*`pretrained ="):
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


def test_one_bit_that_has_flipped_is_noticed(stored, tmp_path):
    content = stored.read_bytes()
    path = tmp_path / "flipped.pt"
    for place in range(2000, len(content) - 2000, len(content) // 7):
        flipped = bytearray(content)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(DataError, match=r"flipped\.pt: cannot be read as a checkpoint"):
            checkpoint.load(path)


def test_a_checkpoint_of_before_is_told_in_one_line(tmp_path, stored):
    state = torch.load(stored, weights_only=True)
    del state["format"]
    torch.save(state, tmp_path / "old.pt")
    with pytest.raises(DataError, match=r"old\.pt: is a checkpoint of another version"):
        checkpoint.load(tmp_path / "old.pt")


def test_a_part_that_computes_otherwise_since_is_named(make_config, partial, tmp_path):
    config = make_config(partial, "--neck", "bifpn", "--channels", "8")
    state = checkpoint.header(config, declared_tasks(config))
    state["arch"]["settings"]["neck"]["version"] = 1  # activated behind its convolutions
    checkpoint.save(tmp_path / "best.pt", {**state, "network": {}})
    with pytest.raises(DataError, match="bifpn computes otherwise since version 2"):
        open_network(tmp_path / "best.pt")


@pytest.mark.parametrize("normalise", ["backbone", "imagenet", "none"])
def test_a_network_opens_without_cfg_or_data(make_config, partial, tmp_path, normalise):
    config = make_config(
        partial,
        *("--max_depth", "20", "--channels", "24", "--aspect", "keep"),
        *("--backbone", "efficientnet_lite0", "--normalise", normalise),
    )
    tasks = declared_tasks(config)
    torch.manual_seed(0)
    network = run_network(config, {task.name: task.head for task in tasks}).eval()
    path = tmp_path / "best.pt"
    state = {**checkpoint.header(config, tasks), "network": network.state_dict()}
    checkpoint.save(path, state)
    opened, opened_tasks = open_network(path)
    assert not opened.training
    assert opened.size == (32, 64)
    assert opened.aspect == "keep"
    checkpoint.save(path, {name: value for name, value in state.items() if name != "aspect"})
    assert open_network(path)[0].aspect == "stretch", "as before there was a choice"
    for task, original in zip(opened_tasks, tasks, strict=True):
        assert (task.name, task.classes) == (original.name, original.classes)
        assert task.settings == original.settings
    images = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(opened(images)["depth"], network(images)["depth"])
