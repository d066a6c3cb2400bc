"""The scripts, as a user runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CFG = """[run]
tasks = depth normal
[data]
train_dataset = NYUD_MT
size = 32 48
batch_size = 8
num_workers = 0
[network]
arch = DeepLab
backbone = resnet18
pretrained = false
channels = 16
[training]
max_epoch = 1
[baselines]
potential = 0.8 0.5
"""


def run(*command, **options):
    environment = os.environ | {"PYTHON": sys.executable}
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment, **options
    )


def test_a_sweep_goes_on_after_a_failure_and_ends_with_one_table(tmp_path, scenes_root):
    (tmp_path / "a.cfg").write_text(CFG)
    result = run(
        "bash", ROOT / "scripts/sweep_losses.sh", "a.cfg", "amtl no-such weighted-sum", "0",
        "--dataset_root", scenes_root, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "failed: no-such seed 0"
    table = result.stdout[result.stdout.rindex("loss ") :].splitlines()
    columns = ["loss", "seed", "Δ depth", "Δ normal", "Δ_MTL", "time an epoch"]
    assert re.split(r"\s{2,}", table[0]) == columns
    assert [line.split()[:2] for line in table[1:3]] == [["amtl", "0"], ["weighted-sum", "0"]]


def test_a_sweep_without_its_arguments_says_how():
    result = run("bash", ROOT / "scripts/sweep_losses.sh")
    assert result.returncode == 2
    assert 'CFG "amtl weighted-sum" "0 1"' in result.stderr


def test_a_run_with_other_options_enters_no_mean(tmp_path, scenes_root):
    (tmp_path / "a.cfg").write_text(CFG)
    options = ["--dataset_root", scenes_root]
    sweep = ["bash", ROOT / "scripts/sweep_losses.sh", "a.cfg", "amtl", "0", *options]
    assert run(*sweep, cwd=tmp_path).returncode == 0
    result = run(*sweep[:4], "0 1", *options, "--lr", "0.01", "--size", "32", cwd=tmp_path)
    assert result.returncode == 1
    assert "failed: amtl seed 0" in result.stderr
    table = result.stdout[result.stdout.rindex("loss ") :].splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in table[1:] if line.strip()]
    assert rows[0][1][0] == "1"
    assert (
        rows[1] == ["amtl", "0", "–", "–", "–", "other options: lr, size"]
        or rows[1][-1] == "other options: size, lr"
    )
    assert len(rows) == 2, "there is no mean of one run"
