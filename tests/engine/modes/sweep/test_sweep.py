"""`--mode sweep`, as a user runs it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import train_test
from engine.config import read
from engine.modes.sweep.jobs import jobs_of
from engine.modes.sweep.product import product
from utils.errors import ConfigError

SCRIPT = Path(__file__).resolve().parents[4] / "train_test.py"
CFG = """
[run]
tasks = depth normal
[data]
train_dataset = NYUD_MT
val = 0.2
size = 32 64
batch_size = 4
num_workers = 0
[network]
arch = DeepLab
backbone = timm/test_resnet
pretrained = false
channels = 16
[training]
warmup_epoch = 0
max_epoch = 1
"""


@pytest.fixture
def command(tmp_path, scenes_root):
    """The command line of a sweep in a folder of its own."""
    (tmp_path / "a.cfg").write_text(CFG)
    root = ["--dataset_root", str(scenes_root), "--runs", str(tmp_path / "runs")]

    def command(*words):
        return [str(tmp_path / "a.cfg"), *root, "--mode", "sweep", *words]

    return command


def start(argv):
    words = [sys.executable, str(SCRIPT), *argv]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def sweep(capsys):
    """Runs a command line; returns its exit status, and what it prints on stdout and stderr."""

    def sweep(argv):
        return train_test.main(argv), *capsys.readouterr()

    return sweep


def runs_of(argv):
    own = ["mode", "over", "engine", "jobs", "csv", "latex"]
    return product(read(argv), own)


def test_the_product_of_all_values(command):
    over = ["--over", "loss=amtl dtp", "--over", "seed=0 1", "--over", "size=32,64 32"]
    runs = runs_of(command("--lr", "0.01", *over))
    assert len(runs) == 8
    assert runs[1].name == "loss amtl, seed 0, size 32"
    config = runs[6].config
    assert (config.run.loss.name, config.run.seed, config.data.size) == ("dtp", 1, (32, 64))
    assert config.run.run == "size-32-64", "the folder is called by what it does not tell else"
    assert "0.01" in runs[6].argv
    assert config.run.mode.name == "train"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "--mode sweep wants what it is over"),
        (["--over", "loss"], "wants an option and its values"),
        (["--over", "loss=amtll"], "did you mean amtl?"),
        (["--over", "seed=0 0"], "names seed 0 twice"),
        (["--over", "seed=0 1", "--over", "seed=2"], "names seed twice"),
        (["--over", "seed=0 1", "--seed", "3"], "leave it out"),
        (["--over", "size=32 32,32"], "are the same run"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(command, words, what):
    with pytest.raises(ConfigError, match=what):
        runs_of(command(*words))


def test_baselines_come_first_and_each_is_trained_once(command):
    over = ["--over", "loss=amtl dtp", "--over", "seed=0 1"]
    jobs = jobs_of(runs_of(command(*over)))
    names = [f"baseline {task}, seed {seed}" for seed in (0, 1) for task in ("depth", "normal")]
    assert [job.name for job in jobs[:4]] == names
    assert [(job.name, job.needs) for job in jobs[4:]] == [
        ("loss amtl, seed 0", tuple(names[:2])), ("loss amtl, seed 1", tuple(names[2:])),
        ("loss dtp, seed 0", tuple(names[:2])), ("loss dtp, seed 1", tuple(names[2:])),
    ]  # fmt: skip


def test_a_failure_stops_no_other_and_what_is_done_is_not_done_again(command, sweep):
    """kd-mtl wants the single-task networks, which given potentials take the place of."""
    over = ["--over", "loss=kd-mtl weighted-sum", "--jobs", "2", "--potential", "0.8", "0.5"]
    status, out, err = sweep(command(*over))
    assert status == 1
    assert "2 runs, 2 jobs to do" in out
    assert "kd-mtl needs them all as teachers" in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("failed: loss kd-mtl: ")
    table = out[out.index("Δ_MTL") :]
    assert "weighted-sum  1" in table
    assert "kd-mtl" not in table
    assert table.splitlines()[-1].endswith(f"--mode report {Path(command()[0]).parent}/runs/a")
    status, out, err = sweep(command(*over, "--json", "true"))
    assert (status, "2 runs, 1 jobs to do" in err) == (1, True)
    assert [run["loss"] for run in json.loads(out)] == ["weighted-sum"]


def test_a_signal_ends_all_jobs_which_save(command, tmp_path):
    argv = command("--over", "seed=0 1", "--jobs", "2", "--max_epoch", "500", "--tasks", "depth")
    process = start(argv)
    wait_for(lambda: len(list(tmp_path.glob("runs/a/*/seed*/last.pt"))) == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) == 128 + signal.SIGTERM
    logs = [path.read_text() for path in tmp_path.glob("runs/a/*/seed*/log.txt")]
    assert all("the same command goes on from there" in log for log in logs)
    assert len(logs) == 2


@pytest.mark.slow
def test_baselines_alone(command, sweep, tmp_path):
    argv = command("--only", "depth")
    argv[argv.index("sweep")] = "baselines"
    status, out, err = sweep(argv)
    assert status == 0, err
    assert [path.name.split("-")[0] for path in tmp_path.glob("runs/baselines/*")] == ["depth"]
    assert re.search(r"^depth +d1 ↑", out, re.MULTILINE)
    jobs = jobs_of(runs_of(command("--over", "loss=amtl dtp")))
    assert [job.name for job in jobs] == ["baseline normal", "loss amtl", "loss dtp"]


def test_slurm_gets_two_arrays_of_which_the_second_waits(command, sweep, tmp_path):
    over = ["--over", "loss=amtl dtp", "--engine", "slurm", "--slurm", "partition=gpu"]
    status, out, err = sweep(command(*over, "--dry_run"))
    assert status == 0, err
    folder = tmp_path / "runs" / "a" / "sweep"
    assert f"== {folder}/submit.sh" in out
    asked = handed_over(folder / "submit.sh", tmp_path)
    assert [words[1:3] for words in asked] == [
        ["--job-name=baselines", "--array=1-2"], ["--job-name=runs", "--array=1-2"],
    ]  # fmt: skip
    assert asked[1][3] == "--dependency=afterok:7"
    assert "--partition=gpu" in asked[1]
    for name, mode in (("baselines", "baselines"), ("runs", "train")):
        for line in (folder / f"{name}.txt").read_text().splitlines():
            assert read(shlex.split(line)[2:]).run.mode.name == mode


def handed_over(script, tmp_path):
    """What a script hands to a cluster whose jobs all have the number 7."""
    sbatch, calls = tmp_path / "bin" / "sbatch", tmp_path / "calls"
    sbatch.parent.mkdir()
    sbatch.write_text(f'#!/bin/bash\nprintf "%s\\x1f" "$@" >> {calls}\necho >> {calls}\necho 7\n')
    sbatch.chmod(0o755)
    path = f"{sbatch.parent}:{os.environ['PATH']}"
    subprocess.run(["bash", script], check=True, env={**os.environ, "PATH": path})
    return [line.split("\x1f")[:-1] for line in calls.read_text().splitlines()]


@pytest.mark.slow
def test_a_job_of_a_ray_worker_that_is_killed_goes_on_on_another_one(command, tmp_path):
    pytest.importorskip("ray")
    argv = command("--over", "seed=0 1", "--engine", "ray", "--max_epoch", "8", "--tasks", "depth")
    process = start(argv)
    wait_for(lambda: len(list(tmp_path.glob("runs/a/*/seed*/last.pt"))) == 2)
    jobs = subprocess.run(
        ["pgrep", "-f", f"train_test.py {tmp_path}.*--seed 0$"], capture_output=True, text=True
    )
    parent = Path(f"/proc/{jobs.stdout.split()[0]}/stat").read_text().rpartition(")")[2].split()[1]
    os.kill(int(parent), signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "2/2 done" in out
    [log] = tmp_path.glob("runs/a/*/seed0/log.txt")
    assert "goes on after" in log.read_text()


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)
