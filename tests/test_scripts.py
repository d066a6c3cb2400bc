"""The scripts, as a user runs them."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, scenes_root):
    """Runs the script for losses and seeds with more options, in one folder."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "a.cfg").write_text(CFG)

    def sweep(losses, seeds, *options):
        script = ROOT / "scripts/sweep_losses.sh"
        options = ["--dataset_root", scenes_root, *options]
        return run("bash", script, "a.cfg", losses, seeds, *options, cwd=folder)

    return sweep


@pytest.fixture(scope="module")
def first(sweep):
    """A sweep of which one run fails."""
    return sweep("amtl no-such weighted-sum", "0")


def test_a_sweep_goes_on_after_a_failure_and_ends_with_one_table(first):
    result = first
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


def test_a_run_with_other_options_enters_no_mean(first, sweep):
    result = sweep("amtl", "0 1", "--lr", "0.01", "--size", "32")
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


def test_tiny_cfgs_run_and_one_that_fails_stops_no_other(tmp_path):
    (tmp_path / "bad.cfg").write_text(CFG.replace("DeepLab", "DeepLap"))
    cfg = "cfg/seg+det+depth/smoke/VMM_mobilenet_v2.cfg"
    result = run("bash", ROOT / "scripts/smoke.sh", tmp_path / "bad.cfg", cfg)
    assert result.returncode == 1
    assert [line.split()[-1] for line in result.stdout.splitlines()] == [cfg]
    assert result.stderr.splitlines()[-1] == f"failed: {tmp_path}/bad.cfg (exit status 2)"


def test_the_workflow_of_the_docs_asserts_what_results_hold(tmp_path):
    """The script that the page gives, on the results of the command that it gives."""
    page = (ROOT / "docs/ci.md").read_text()
    [command] = re.findall(r"train_test.py (\S+) \\\n\s+--json true > results.json", page)
    [script] = re.findall(r"<<'END'\n(.*?)\n +END", page, re.DOTALL)
    options = ["--runs", tmp_path / "runs", "--dataset_root", tmp_path / "data"]
    result = run(sys.executable, "train_test.py", command, "--json", "true", *options, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    (tmp_path / "results.json").write_text(result.stdout)
    checked = run(sys.executable, "-c", textwrap.dedent(script), cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
