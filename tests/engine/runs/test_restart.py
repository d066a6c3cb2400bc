"""A run whose options were wrong: it begins again from the best network that it had."""

import json
import os
import signal

from engine.runs.identity import file_digest
from engine.training import step
from tests.killing import before_call, run_in_fork


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_is_restarted_with_other_options(command, single, tmp_path):
    argv = command("run", single)
    run_in_fork(argv, setup=lambda: before_call(step.Step, "_update", kill, 4))
    [best] = (tmp_path / "run").glob("runs/**/best.pt")
    folder, digest = best.parent, file_digest(best)
    refused = run_in_fork([*argv, "--lr", "1e-3"])
    assert refused.status == 2
    assert "other values of lr" in refused.err
    again = [*argv, "--lr", "1e-3", "--restart"]
    stopped = run_in_fork(again, setup=lambda: before_call(step.Step, "_update", kill, 4))
    assert "the weights start from" in stopped.out
    resumed = run_in_fork(again)
    assert resumed.status == 0, resumed.err
    assert "goes on after epoch 1 of 2" in resumed.out, "it is not restarted once more"
    results = json.loads((folder / "results.json").read_text())
    assert results["initial_checkpoint"] == {
        "path": str(folder / "restarts" / "1" / "best.pt"),
        "sha256": digest,
        "other_options": ["lr"],
        "epoch": 1,
    }
    assert "baseline_key" not in results, "it is no baseline of others"
    assert "is done" in run_in_fork(again).out
    late = run_in_fork([*argv, "--lr", "1e-4", "--restart"])
    assert late.status == 2
    assert "holds a finished run" in late.err


def test_a_run_without_a_best_network_begins_anew(command, single, tmp_path):
    argv = command("run", single)
    options = ("--save_minutes", "0.00001")
    run_in_fork([*argv, *options], setup=lambda: before_call(step.Step, "_update", kill, 2))
    assert list((tmp_path / "run").glob("runs/**/last.pt"))
    ended = run_in_fork([*argv, "--lr", "1e-3", "--restart"])
    assert ended.status == 0, ended.err
    assert "the weights start from" not in ended.out
    [results] = (tmp_path / "run").glob("runs/**/results.json")
    assert "initial_checkpoint" not in json.loads(results.read_text())
