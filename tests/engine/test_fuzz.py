"""Damaged cfgs and wild values: each is understood, or refused in one line with nothing written."""

import os
import random
from pathlib import Path

import pytest

import train_test
from engine.modes.help import _all_options
from tests.engine.conftest import DENSE, PARTIAL
from tests.fuzzing import NUMBERS, TEXTS, damaged_text

EDITS, VALUES = 300, 200

pytestmark = pytest.mark.filterwarnings("error")

SHIPPED = Path(__file__).parents[2] / "cfg/seg+det+depth/NYU/VMM_efficientnet-v2-s.cfg"
CUSTOM = """
--app seg det depth
--train_dataset factory
--loss_metric dtp
[dataset.factory]
root = nowhere
images = {split}/images/*.jpg
segmentation = {split}/masks/*.png
detection = boxes.json
depth = {split}/depth/*.npy
classes = bolt nut "hex key"
segmentation_classes = background bolt nut "hex key"
depth_unit = 0.001
void = 255
split = train val
[loss.dtp]
focusing_factor = 0.25
"""
SMALL = DENSE.replace("seg depth normal", "depth").replace("timm/test_resnet", "resnet18")


@pytest.fixture
def refused(capsys, tmp_path, monkeypatch):
    """Whether a command line is refused, which must take one line."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        status = train_test.main([*argv, "--dataset_root", "nowhere"])
        printed, told = capsys.readouterr()
        *notes, last = told.splitlines() or [""]
        assert status in (0, 2), argv
        assert all(note.startswith("note: ") for note in notes), told
        assert told.replace("\n", "").isprintable()
        assert len(last) <= 610
        assert os.listdir() == ["a.cfg"]
        if status == 2:
            assert last.startswith("error: "), told
            assert not printed
        return status == 2

    return run


@pytest.mark.parametrize("cfg", [DENSE, PARTIAL, CUSTOM, SHIPPED.read_text()])
def test_edited_cfgs(refused, cfg):
    """Those that are understood end where their data are not there."""
    draw = random.Random(cfg)
    for _ in range(EDITS // 4):
        Path("a.cfg").write_bytes(damaged_text(cfg.encode(), draw))
        assert refused("a.cfg", "--mode", "train", "--render_train", "0")


def test_values(refused):
    draw, refusals = random.Random(0), 0
    Path("a.cfg").write_text(SMALL)
    names = sorted({declared.name for _, declared, _ in _all_options()} - {"mode", "dataset_root"})
    for _ in range(VALUES):
        value = draw.choice((*NUMBERS, *TEXTS))
        refusals += refused("a.cfg", "--mode", "summary", f"--{draw.choice(names)}={value}")
    assert refusals > VALUES / 2
