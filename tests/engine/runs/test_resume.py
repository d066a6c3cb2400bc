"""A run that was stopped is the run that was not."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import run

ROOT = Path(__file__).resolve().parents[3]
SAME = ("metrics", "per_class", "best_epoch", "constant")


def same(results):
    return {key: results[key] for key in SAME}


def single(dense):
    return dense.replace("seg depth normal", "depth").replace("max_epoch = 2", "max_epoch = 4")


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(make_config, dense, tmp_path, capsys):
    whole = run(make_config(single(dense), "--run", "whole"))
    words = ["--runs", str(tmp_path / "killed"), "--num_workers", "1"]
    config = make_config(single(dense), *words)
    words = ["--dataset_root", config.data.dataset_root, *words]
    folder = tmp_path / "killed" / "tiny" / "weighted-sum" / "seed0"
    command = [sys.executable, "train_test.py", config.path, *words]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while not (folder / "last.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (folder / "results.json").exists()
    resumed = run(config)
    assert "goes on after epoch" in capsys.readouterr().out
    assert same(resumed) == same(whole)
    with open(folder / "steps.csv", newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == list(range(1, len(steps) + 1)), "no step is lost or there twice"
    with open(folder / "epochs.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]


def test_results_are_the_same_to_the_last_digit_with_any_number_of_workers(
    make_config, partial, tmp_path
):
    text = partial.replace("seg det depth", "seg det") + "[baselines]\npotential = 0.5 0.5\n"
    runs = [
        run(make_config(text, "--runs", str(tmp_path / workers), "--num_workers", workers))
        for workers in ("0", "2")
    ]
    assert json.dumps(same(runs[0])) == json.dumps(same(runs[1]))


def test_seeds_differ(make_config, dense):
    runs = [
        run(make_config(single(dense), "--max_epoch", "1", "--seed", seed)) for seed in ("0", "1")
    ]
    assert runs[0]["metrics"] != runs[1]["metrics"]


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_named(make_config, dense, tmp_path, damage):
    config = make_config(single(dense), "--max_epoch", "1")
    run(config)
    folder = tmp_path / "runs" / "tiny" / "weighted-sum" / "seed0"
    (folder / "results.json").unlink()
    stored = bytearray((folder / "last.pt").read_bytes())
    stored[len(stored) // 2] ^= 1  # one bit of a weight
    (folder / "last.pt").write_bytes(stored if damage is None else damage)
    with pytest.raises(Exception, match=r"last\.pt: cannot be read as a checkpoint"):
        run(config)
