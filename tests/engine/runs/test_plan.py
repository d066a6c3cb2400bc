"""What a user reads before and after the trainings."""

import json
import shlex

import train_test
from engine.runs.experiment import run_experiment


def test_the_plan_says_what_is_trained_and_what_is_there(make_config, dense, tmp_path, capsys):
    text = dense.replace("seg depth normal", "seg depth").replace("max_epoch = 2", "max_epoch = 1")
    run_experiment(make_config(text))
    first = capsys.readouterr().out.splitlines()
    assert first[0].startswith("plan: 3 of 3 networks are trained, in about ")
    assert [line.split()[:2] for line in first[1:4]] == [
        ["1", "baseline"], ["2", "baseline"], ["3", "amtl"],
    ]  # fmt: skip
    titles = [line.split(": ")[0] for line in first if line.startswith("[")]
    assert titles == ["[1/3] baseline segmentation", "[2/3] baseline depth", "[3/3] amtl"]

    run_experiment(make_config(text, "--loss", "weighted-sum"))
    second = capsys.readouterr().out.splitlines()
    assert second[0].startswith("plan: 1 of 3 networks are trained")
    assert all(f"there: {tmp_path}/runs/baselines/" in line for line in second[1:3])
    assert [line for line in second if line.startswith("[")] == [
        f"[3/3] weighted-sum: {tmp_path}/runs/tiny/weighted-sum/seed0"
    ]


def test_the_commands_at_the_end_work(make_config, dense, capsys):
    text = dense.replace("seg depth normal", "depth").replace("max_epoch = 2", "max_epoch = 1")
    run_experiment(make_config(text))
    out = capsys.readouterr().out
    [export] = [line for line in out.splitlines() if line.endswith("--mode export")]
    command = shlex.split(export)[2:]
    assert train_test.main([*command[:-1], "test"]) == 0, "the cfg of the run is found"


def test_json_alone_on_the_standard_output(cfg, dense, scenes_root, tmp_path, capsys):
    text = dense.replace("seg depth normal", "depth").replace("max_epoch = 2", "max_epoch = 1")
    path, runs = cfg(text), tmp_path / "runs"
    argv = [str(path), "--dataset_root", str(scenes_root), "--runs", str(runs)]
    assert train_test.main([*argv, "--json", "true"]) == 0
    captured = capsys.readouterr()
    [stored] = runs.glob("**/results.json")
    results = json.loads(stored.read_text())
    del results["checksum"]
    assert json.loads(captured.out) == results
    assert "epoch 1/1" in captured.err

    assert train_test.main([*argv, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{path}: seed 0")
    assert "next:" not in captured.out
    assert captured.err == ""
