"""Modes that take the cfg in the place of a file from a checkpoint."""

import json

import pytest

import train_test
from engine.config import read
from engine.runs import checkpoint


@pytest.mark.parametrize("name", ["", "best.pt"])
def test_the_cfg_in_a_checkpoint_is_that_of_its_run(run_of_network, name):
    words = ["--ckpt", str(run_of_network / name), "--mode"]
    config = read([*words, "predict", "--input", "a.jpg", "--output", "out"])
    assert config.data.size == (48, 64)
    assert [choice.name for choice in config.data.train_dataset] == ["VOC", "NYUD_MT"]
    assert config.notices == []
    assert config.run.mode.value("threshold") == 0.3, "that of the schedule is another one"
    assert config.training.scheduler.value("threshold") == 0
    assert read([*words, "export"]).network.arch.name == "VMM"


def test_the_summary_of_a_checkpoint(run_of_network, capsys):
    words = ["--mode", "summary", "--json", "--ckpt", str(run_of_network)]
    assert train_test.main(words) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["arch"] == "VMM"
    assert captured.err == ""


@pytest.mark.parametrize("mode", ["train", "check"])
def test_other_modes_want_a_cfg(run_of_network, mode, capsys):
    assert train_test.main(["--ckpt", str(run_of_network), "--mode", mode]) == 2
    assert "the cfg comes first" in capsys.readouterr().err


def test_a_folder_without_a_network(tmp_path, capsys):
    words = ["--mode", "predict", "--ckpt", str(tmp_path), "--input", "a", "--output", "b"]
    assert train_test.main(words) == 2
    assert f"error: {tmp_path}/best.pt: there is no such checkpoint" in capsys.readouterr().err


def test_weights_to_give_away_are_enough_to_predict(run_of_network, tmp_path, put, image, capsys):
    weights = tmp_path / "weights.pt"
    checkpoint.save(weights, checkpoint.to_give_away(checkpoint.load(run_of_network / "best.pt")))
    photo = put(tmp_path / "photo.png", image())
    argv = ["--ckpt", str(weights), "--device", "cpu", "--mode"]
    out = str(tmp_path / "out")
    assert train_test.main([*argv, "predict", "--input", str(photo), "--output", out]) == 0
    assert list((tmp_path / "out").glob("depth/npy/*.npy"))
    capsys.readouterr()
    assert train_test.main([*argv, "test"]) == 2
    assert "weights without a cfg, which --mode test needs" in capsys.readouterr().err
