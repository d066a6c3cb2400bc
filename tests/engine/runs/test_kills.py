"""A run that is killed, wherever that happens, is by the same command the run that was not.

    python3 -m pytest tests/engine/runs/test_kills.py -m slow

kills after every single write, and 25 times at random moments, with the losses and options that
keep most between steps.
"""

import os
import random
import shutil
import signal
import threading
import time

import pytest

from tests.killing import run_in_fork


@pytest.fixture
def kill_after(command, tmp_path, single, same_run):
    """Kills a run after a write, starts it again, and compares it with the undisturbed one."""

    def kill(undisturbed, write, *options):
        folder = tmp_path / f"killed{write}"
        argv = command(folder.name, single, *options)
        assert run_in_fork(argv, after=write).status == -signal.SIGKILL
        again = run_in_fork(argv)
        assert again.status == 0, again.err
        same_run(folder, undisturbed)
        shutil.rmtree(folder)

    return kill


def test_killed_after_some_writes(whole, single, kill_after):
    options = ("--save_minutes", "0.0001")
    undisturbed, writes = whole(single, *options)
    assert writes > 30
    for share in (0.4, 0.9):
        kill_after(undisturbed, round(share * writes), *options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--save_minutes", "0.0001"), ("--cache", "disk")])
def test_killed_after_every_write(whole, single, kill_after, options):
    undisturbed, writes = whole(single, *options)
    for write in range(1, writes + 1):
        kill_after(undisturbed, write, *options)


CASES = {
    "amtl": ("--loss", "amtl", "--ema", "--ema_momentum", "0.9"),
    "grad-norm": ("--loss", "grad-norm", "--num_workers", "2"),
    "famo": ("--loss", "famo"),
    "sel-update": ("--loss", "sel-update"),
    "kd-mtl": ("--loss", "kd-mtl"),
    "missing": ("--missing", "teacher", "--train_dataset", "NYUD_MT", "NYU"),
    "nash-mtl": ("--loss", "nash-mtl"),
    "plateau": ("--scheduler", "plateau", "--patience", "0"),
    "iterations": ("--max_iterations", "8", "--test_iterations", "3"),
    "save_freq": ("--save_freq", "2", "--max_epoch", "5"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments(command, whole, tmp_path, multi, same_run, case):
    options = (*CASES[case], "--save_minutes", "0.001")
    started = time.monotonic()
    undisturbed, _ = whole(multi, *options)
    seconds = time.monotonic() - started
    draw, folder = random.Random(case), tmp_path / "killed"
    argv = command(folder.name, multi, *options)
    for _ in range(4 if case == "amtl" else 3):
        delay = draw.uniform(0, seconds / 2)

        def kill_later(delay=delay):
            timer = threading.Timer(delay, os.killpg, (0, signal.SIGKILL))
            timer.daemon = True
            timer.start()

        run_in_fork(argv, setup=kill_later)
    again = run_in_fork(argv)
    assert again.status == 0, again.err
    same_run(folder, undisturbed)
