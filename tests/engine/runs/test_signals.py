"""Clusters and users that end a run with a signal: it ends in order, and goes on."""

import os
import signal

import pytest

from datasets.scenes import storing
from engine.runs import train_run
from engine.training import step, validation
from tests.killing import before_call, run_in_fork

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGUSR1: 138}
PLACES = {
    "rendering": (storing, "_require_absent", 2),
    "training": (step.Step, "_update", 2),
    "evaluation": (validation, "evaluate", 1),
    "testing": (train_run, "evaluate", 1),
}


def send_at(place, number, group=False):
    """Sends a signal to the process, or to its whole group, where it comes to a place."""
    owner, name, call = PLACES[place]

    def send():
        os.killpg(0, number) if group else os.kill(os.getpid(), number)

    return lambda: before_call(owner, name, send, call)


@pytest.mark.parametrize(
    ("place", "number", "workers"),
    [
        ("rendering", signal.SIGINT, "0"),
        ("training", signal.SIGTERM, "0"),
        ("training", signal.SIGINT, "2"),
        ("evaluation", signal.SIGUSR1, "2"),
        ("testing", signal.SIGTERM, "0"),
    ],
)
def test_a_signal_ends_a_run_in_order(
    command, whole, tmp_path, single, same_run, place, number, workers
):
    undisturbed, _ = whole(single)
    argv = command("stopped", single, "--num_workers", workers)
    ended = run_in_fork(argv, setup=send_at(place, number, group=workers != "0"))
    assert ended.status == STATUS[number]
    lines = [line for line in (ended.out + ended.err).splitlines() if "stopped by" in line]
    assert len(lines) == 1
    assert "Traceback" not in ended.err
    again = run_in_fork(argv)
    assert again.status == 0
    assert ("goes on after" in again.out) == (place != "rendering")
    same_run(tmp_path / "stopped", undisturbed)


def test_a_signal_in_a_baseline_ends_the_whole(command, tmp_path, multi, whole, same_run):
    undisturbed, _ = whole(multi)
    argv = command("stopped", multi)
    ended = run_in_fork(argv, setup=send_at("evaluation", signal.SIGTERM))
    assert ended.status == 143
    assert "baselines/depth" in ended.out
    assert "after the steps of epoch 1 of 3; the same command goes on from there" in ended.out
    assert run_in_fork(argv).status == 0
    same_run(tmp_path / "stopped", undisturbed)


def test_a_second_signal_ends_at_once(command, single):
    def send_twice():
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)

    argv = command("stopped", single)
    ended = run_in_fork(argv, setup=lambda: before_call(step.Step, "_update", send_twice))
    assert ended.status == -signal.SIGINT
    assert "stopped by" not in ended.out + ended.err
