"""The scripts, as a user runs them."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import train_test

ROOT = Path(__file__).resolve().parents[1]
CFG = """[run]
tasks = depth normal
[data]
train_dataset = NYUD_MT
size = 32 64
batch_size = 8
num_workers = 0
[network]
arch = DeepLab
backbone = timm/test_resnet
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


def test_a_sweep_by_the_shell(tmp_path, scenes_root):
    (tmp_path / "a.cfg").write_text(CFG)
    words = ["a.cfg", "amtl", "0", "--dataset_root", scenes_root]
    result = run("bash", ROOT / "scripts/sweep_losses.sh", *words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^amtl +1 ", result.stdout, re.MULTILINE)


def test_a_sweep_without_its_arguments_says_how():
    result = run("bash", ROOT / "scripts/sweep_losses.sh")
    assert result.returncode == 2
    assert 'CFG "amtl weighted-sum" "0 1"' in result.stderr


def test_tiny_cfgs_run_and_one_that_fails_stops_no_other(tmp_path):
    (tmp_path / "bad.cfg").write_text(CFG.replace("DeepLab", "DeepLap"))
    cfg = tmp_path / "good.cfg"
    cfg.write_text(CFG)
    few = ["--render_train", "8", "--render_val", "2", "--render_size", "32", "64"]
    result = run("bash", ROOT / "scripts/smoke.sh", tmp_path / "bad.cfg", cfg, "--", *few)
    assert result.returncode == 1
    assert [line.split()[-1] for line in result.stdout.splitlines()] == [str(cfg)]
    assert result.stderr.splitlines()[-1] == f"failed: {tmp_path}/bad.cfg (exit status 2)"


def test_the_workflow_of_the_docs_asserts_what_results_hold(tmp_path, monkeypatch, capsys):
    """The script that the page gives, on the results of the command that it gives."""
    page = (ROOT / "docs/ci.md").read_text()
    [command] = re.findall(r"train_test.py (\S+) \\\n\s+--json true > results.json", page)
    [script] = re.findall(r"<<'END'\n(.*?)\n +END", page, re.DOTALL)
    options = ["--runs", str(tmp_path / "runs"), "--dataset_root", str(tmp_path / "data")]
    monkeypatch.chdir(ROOT)
    assert train_test.main([command, "--json", "true", *options]) == 0
    (tmp_path / "results.json").write_text(capsys.readouterr().out)
    checked = run(sys.executable, "-c", textwrap.dedent(script), cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
