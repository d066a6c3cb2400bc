"""A run that is killed, wherever that happens, is by the same command the run that was not.

    python3 -m pytest tests/engine/runs/test_kills.py -m slow

kills after every single write, and 25 times at random moments, with the losses and options that
keep most between steps.
"""

import csv
import json
import os
import random
import shutil
import signal
import threading
import time

import pytest
import torch

from tests.killing import run_in_fork

SINGLE = """
[run]
tasks = depth
[data]
train_dataset = NYUD_MT
val = 0.2
size = 32 48
batch_size = 4
num_workers = 0
[scenes]
render_train = 10
render_val = 2
render_size = 32 48
[network]
arch = DeepLab
backbone = mobilenet_v2
pretrained = false
channels = 8
[training]
optimizer = adam
lr = 8e-3
max_epoch = 2
"""
MULTI = SINGLE.replace("depth", "depth normal", 1).replace("max_epoch = 2", "max_epoch = 3")
TIMES = ("seconds", "images_per_second", "seconds_per_epoch")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """A process that is forked has the threads of OpenMP no more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def command(cfg, tmp_path):
    """The command line of a run below a folder, with data and records of its own."""

    def make(name, text, *options):
        folder = tmp_path / name
        words = ["--runs", folder / "runs", "--dataset_root", folder / "data", "--device", "cpu"]
        return [cfg(text), *words, *options]

    return make


def contents(folder):
    """All that a run has found out, by the paths of its files, without what is measured in time."""
    result = {}
    for path in sorted(folder.glob("runs/**/*")):
        name = str(path.relative_to(folder))
        if path.name in ("last.pt", "best.pt"):
            result[name] = torch.load(path, weights_only=True)["network"]
        elif path.suffix == ".csv":
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
            result[name] = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
        elif path.name == "results.json":
            stored = json.loads(path.read_text())
            ignored = (*TIMES, "checksum", "options", "initial_checkpoint")
            result[name] = {k: v for k, v in stored.items() if k not in ignored}
    assert any(name.endswith("results.json") for name in result)
    return result


def assert_same(folder, whole):
    ours, theirs = contents(folder), contents(whole)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if name.endswith(".pt"):
            assert value.keys() == theirs[name].keys()
            for key, tensor in value.items():
                assert torch.equal(tensor, theirs[name][key]), f"{name}: {key}"
        else:
            assert value == theirs[name], name
    leftovers = [path for path in folder.glob("**/*.tmp")]
    assert not leftovers


@pytest.fixture
def whole(command, tmp_path):
    """The undisturbed run: its folder, and the number of its writes."""

    def run(text, *options):
        status, writes = run_in_fork(command("whole", text, *options))
        assert status == 0
        return tmp_path / "whole", writes

    return run


def kill_after(command, whole, folder, text, write, *options):
    argv = command(folder.name, text, *options)
    status, _ = run_in_fork(argv, after=write)
    assert status == -signal.SIGKILL
    assert run_in_fork(argv)[0] == 0
    assert_same(folder, whole)
    shutil.rmtree(folder)


def test_killed_after_some_writes(command, whole, tmp_path):
    undisturbed, writes = whole(SINGLE, "--save_minutes", "0.0001")
    assert writes > 30
    for share in (0.3, 0.55, 0.7, 0.95):
        write = round(share * writes)
        kill_after(
            command, undisturbed, tmp_path / "k", SINGLE, write, "--save_minutes", "0.0001"
        )


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--save_minutes", "0.0001"), ("--cache", "disk")])
def test_killed_after_every_write(command, whole, tmp_path, options):
    undisturbed, writes = whole(SINGLE, *options)
    for write in range(1, writes + 1):
        kill_after(command, undisturbed, tmp_path / f"k{write}", SINGLE, write, *options)


CASES = {
    "amtl": ("--loss", "amtl", "--ema", "--ema_momentum", "0.9"),
    "grad-norm": ("--loss", "grad-norm", "--num_workers", "2"),
    "famo": ("--loss", "famo"),
    "sel-update": ("--loss", "sel-update"),
    "kd-mtl": ("--loss", "kd-mtl"),
    "nash-mtl": ("--loss", "nash-mtl"),
    "plateau": ("--scheduler", "plateau", "--patience", "0"),
    "save_freq": ("--save_freq", "2", "--max_epoch", "5"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments(command, whole, tmp_path, case):
    """25 kills over all cases."""
    options = (*CASES[case], "--save_minutes", "0.001")
    started = time.monotonic()
    undisturbed, _ = whole(MULTI, *options)
    seconds = time.monotonic() - started
    draw = random.Random(case)
    for number in range(4 if case == "amtl" else 3):
        folder = tmp_path / f"r{number}"
        argv = command(folder.name, MULTI, *options)
        for _ in range(2):
            delay = draw.uniform(0, seconds)

            def kill_later(delay=delay):
                timer = threading.Timer(delay, os.killpg, (0, signal.SIGKILL))
                timer.daemon = True
                timer.start()

            run_in_fork(argv, setup=kill_later)
        assert run_in_fork(argv)[0] == 0
        assert_same(folder, undisturbed)
        shutil.rmtree(folder)
