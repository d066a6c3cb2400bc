"""The example of docs/use.md, run as it stands there."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.config import read
from engine.runs import checkpoint
from engine.runs.network import declared_tasks, make_network

PAGE = (Path(__file__).resolve().parents[1] / "docs/use.md").read_text()
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
CFG = """
[run]
tasks = seg det depth
[data]
train_dataset = VOC NYU
size = 32 48
[network]
arch = VMM
backbone = resnet18
pretrained = false
channels = 8
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with what the example opens."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.cfg").write_text(CFG)
    config = read(["tiny.cfg"])
    tasks = declared_tasks(config)
    torch.manual_seed(0)
    network = make_network(config, {task.name: task.head for task in tasks})
    Path("runs/example").mkdir(parents=True)
    state = {**checkpoint.header(config, tasks), "network": network.state_dict()}
    checkpoint.save(Path("runs/example/best.pt"), state)
    noise = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    cv2.imwrite("photo.jpg", cv2.resize(noise, (70, 50)))
    return tmp_path


def test_the_example_of_a_library_runs(here, capsys):
    exec(compile(EXAMPLE, "docs/use.md", "exec"), {})
    out = capsys.readouterr().out
    assert "in the middle: " in out
    assert re.search(r"from \d+\.\d\d to \d+\.\d\d m", out)
    assert re.search(r"\w+ 0\.\d\d at \d+ \d+ \d+ \d+", out)
    pictures = {path.stem: cv2.imread(str(path)).shape for path in here.glob("*.png")}
    assert pictures == dict.fromkeys(("segmentation", "depth", "detection"), (50, 70, 3))


def test_the_example_is_short():
    lines = [line for line in EXAMPLE.splitlines() if line]
    assert len(lines) <= 20
