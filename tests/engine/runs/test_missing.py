"""A run whose single-task networks label the images that have no label."""

import json

import pytest

from tests.running import run
from utils.errors import UserError

PARTIAL = """
[run]
tasks = seg depth
[data]
train_dataset = VOC NYU
val = 0.2
size = 32 32
batch_size = 8
num_workers = 0
[network]
arch = DeepLab
backbone = timm/test_efficientnet
pretrained = false
channels = 8
[training]
optimizer = adamw
lr = 8e-3
max_epoch = 1
"""


def test_the_run_says_so_and_its_baselines_are_those_of_any_run(make_config, tmp_path, capsys):
    results = run(make_config(PARTIAL, "--missing", "teacher", "--missing_threshold", "0"))
    assert results["missing"] == "teacher"
    numbers = results["pseudo_labels"]
    assert list(numbers) == ["segmentation", "depth"]
    assert min(numbers.values()) > 0
    out = capsys.readouterr().out
    assert "amtl, missing = teacher, seed 0" in out
    assert f"segmentation {numbers['segmentation']}, depth {numbers['depth']}" in out
    [kept] = {len(list((tmp_path / "runs/cache").iterdir()))}
    assert kept == sum(numbers.values())

    folder = tmp_path / "runs/tiny/amtl"
    assert "missing = teacher" in (folder / "seed0/config.cfg").read_text()
    baselines = list((tmp_path / "runs/baselines").iterdir())
    assert len(baselines) == 2
    for path in baselines:
        assert "missing = ignore" in (path / "config.cfg").read_text()
        stored = json.loads((path / "results.json").read_text())
        assert stored["missing"] == "ignore"
        assert "pseudo_labels" not in stored

    with pytest.raises(UserError, match=r"other values of missing; `--run NAME`"):
        run(make_config(PARTIAL))


@pytest.mark.slow
def test_a_run_that_ignores_them_has_the_same_baselines(make_config, tmp_path, capsys):
    results = run(make_config(PARTIAL, "--missing", "teacher", "--missing_threshold", "0"))
    baselines = set((tmp_path / "runs/baselines").iterdir())
    capsys.readouterr()
    plain = run(make_config(PARTIAL, "--run", "ignore"))
    assert "pseudo_labels" not in plain
    assert "missing" not in capsys.readouterr().out
    assert plain["potential"] == results["potential"]
    assert set((tmp_path / "runs/baselines").iterdir()) == baselines
    assert plain["test_images"] == results["test_images"]
    assert plain["metrics"] != results["metrics"]
