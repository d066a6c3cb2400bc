"""A finished run whose max_epoch is raised."""

import csv

import pytest
import torch

from engine.runs import checkpoint
from engine.runs.experiment import run_experiment
from utils.errors import UserError


@pytest.fixture
def experiment(make_config, dense):
    """Runs a tiny cfg of two tasks, with potentials given, for so many epochs."""
    text = dense.replace("seg depth normal", "depth normal").replace("polynomial", "constant")
    text += "[baselines]\npotential = 0.5 0.5\n"

    def run(epochs, *options):
        return run_experiment(make_config(text, "--max_epoch", str(epochs), *options))

    return run


def test_a_longer_run_ends_as_if_it_had_been_so_from_the_start(experiment, tmp_path, capsys):
    assert experiment(1).epochs == 1
    longer = experiment(2)
    out = capsys.readouterr().out
    assert "goes on to epoch 2; it was made for 1" in out
    assert "goes on after epoch 1 of 2" in out
    whole = experiment(2, "--run", "whole")
    assert longer.metrics == whole.metrics
    assert longer.best_epoch == whole.best_epoch
    folder = tmp_path / "runs/tiny/amtl"
    first, second = (
        checkpoint.load(folder / name / "last.pt")["network"] for name in ("seed0", "seed0-whole")
    )
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert "max_epoch = 2" in (folder / "seed0/config.cfg").read_text()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ((2,), (1,), "2, which is more"),
        ((1, "--scheduler", "cosine"), (2, "--scheduler", "cosine"), "the rates of cosine depend"),
        ((1, "--test_freq", "2"), (2, "--test_freq", "2"), "test_freq = 2 has no evaluation"),
    ],
)
def test_a_run_that_would_be_another_is_refused_with_the_reason(
    experiment, tmp_path, before, after, reason
):
    experiment(*before)
    results = (tmp_path / "runs/tiny/amtl/seed0/results.json").read_bytes()
    with pytest.raises(UserError, match=reason):
        experiment(*after)
    assert (tmp_path / "runs/tiny/amtl/seed0/results.json").read_bytes() == results


OTHER_RECIPE = """
aspect = pad
augmentation = scale-crop
rotation = 5
photometric = jitter
"""


def test_iterations_end_a_run_and_make_it_longer(make_config, dense, tmp_path, capsys):
    """Evaluations come every three steps and after the last; an epoch of these data has others. The
    recipe is that of another paper in all else as well."""
    text = dense.replace("seg depth normal", "depth").replace("max_epoch = 2\n", "")
    text = text.replace("polynomial", "constant") + "test_iterations = 3\n"
    text = text.replace("[data]", f"[data]\n{OTHER_RECIPE}").replace("32 48", "64 96")

    def experiment(iterations, *options):
        return run_experiment(make_config(text, "--max_iterations", str(iterations), *options))

    assert experiment(6).iterations == 6
    longer = experiment(8)
    out = capsys.readouterr().out
    assert "goes on to iteration 8; it was made for 6" in out
    assert "goes on after iteration 6 of 8" in out
    assert "iteration 8/8  |  training loss" in out
    assert f"network: of iteration {longer.best_iteration} of 8" in out
    whole = experiment(8, "--run", "whole")
    assert (longer.metrics, longer.best_iteration) == (whole.metrics, whole.best_iteration)
    [folder] = (tmp_path / "runs/tiny").glob("*/seed0")
    columns = {"steps.csv": ["1", "2", "3", "4", "5", "6", "7", "8"], "epochs.csv": ["3", "6", "8"]}
    for name, steps in columns.items():
        with open(folder / name) as file:
            assert [row["step"] for row in csv.DictReader(file)] == steps
    with pytest.raises(UserError, match="8, after which test_iterations = 3 has no evaluation"):
        experiment(12)
