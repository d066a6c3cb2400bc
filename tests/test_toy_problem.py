"""The two-loss problem: its losses, its front, and which losses get there."""

import importlib.util
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from losses import LOSSES
from utils.errors import ConfigError

PATH = Path(__file__).resolve().parents[1] / "scripts/toy_problem.py"


@pytest.fixture(scope="module")
def toy():
    spec = importlib.util.spec_from_file_location("toy_problem", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_problem"] = module  # where its dataclass looks for its types
    spec.loader.exec_module(module)
    yield module
    del sys.modules["toy_problem"]


@pytest.fixture
def run(toy, monkeypatch, capsys):
    """Runs the script; returns its exit status and what it prints."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["toy_problem.py", *map(str, words)])
        return toy.main(), *capsys.readouterr()

    return run


def reference(x1, x2):
    """The losses as Navon et al. write them, with numpy."""
    c1, c2 = np.maximum(np.tanh(0.5 * x2), 0), np.maximum(np.tanh(-0.5 * x2), 0)
    f1 = np.log(np.maximum(np.abs(0.5 * (-x1 - 7) - np.tanh(-x2)), 0.000005)) + 6
    f2 = np.log(np.maximum(np.abs(0.5 * (-x1 + 3) + np.tanh(-x2) + 2), 0.000005)) + 6
    g1 = ((-x1 + 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
    g2 = ((-x1 - 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
    return f1 * c1 + g1 * c2, f2 * c1 + g2 * c2


def test_the_losses_are_those_of_the_paper(toy):
    x1, x2 = np.random.default_rng(0).uniform(-10, 10, (2, 500))
    ours = toy.two_losses(torch.tensor(np.stack([x1, x2], axis=1)))
    for loss, expected in zip(ours, reference(x1, x2), strict=True):
        np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_no_point_has_both_losses_below_those_of_the_front(toy):
    line = np.linspace(-12, 12, 241)
    losses = np.stack(reference(*np.meshgrid(line, line)), axis=-1).reshape(-1, 2)
    for on_front in toy.pareto_front()[1][::200]:
        assert (on_front - losses).min(axis=1).max() < 1e-3


def test_the_sum_of_the_losses_is_caught_in_a_valley_and_aligned_mtl_is_not(run, tmp_path):
    """From (9, 9); from (9, -1) both arrive. With larger steps than the paper's 35,000."""
    picture = tmp_path / "toy.png"
    losses, quick = ["weighted-sum", "aligned-mtl"], ["--steps", 200, "--lr", 0.08]
    status, out, _ = run("--loss", *losses, "--starts", 3, 5, *quick, "--output", picture)
    assert status == 0
    rows = [re.split(r"\s{2,}", line) for line in out.splitlines()[1:5]]
    assert [(row[0], row[1], row[-1].partition(":")[0]) for row in rows] == [
        ("weighted-sum", "(9.00, 9.00)", "no"),
        ("weighted-sum", "(9.00, -1.00)", "yes"),
        ("aligned-mtl", "(9.00, 9.00)", "yes"),
        ("aligned-mtl", "(9.00, -1.00)", "yes"),
    ]
    shown = cv2.imread(str(picture))
    assert min(shown.shape[:2]) >= 600
    red, green = ((shown == colour).all(axis=2).sum() for colour in ([0, 0, 255], [0, 128, 0]))
    assert green > 2 * red > 0, "the ends on the front and the one beside it"


def test_losses_that_need_what_the_problem_has_not_are_refused(toy, run):
    refused = {}
    for name in LOSSES:
        try:
            toy.build(name)
        except ConfigError as reason:
            refused[name] = str(reason)
    assert "accuracies" in refused["amtl"]
    assert "accuracies" in refused["dtp"]
    assert "single-task networks" in refused["kd-mtl"]
    assert "parts of a batch" in refused["modo"]
    assert "parts of a batch" in refused["auto-lambda"]
    assert not refused.keys() & {"weighted-sum", "mgda-ub", "famo", "graddrop", "sel-update"}
    status, out, error = run("--loss", "weighted-sum", "amtl", "--steps", 1)
    assert (status, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("error: amtl weighs tasks by their accuracies")
    assert "did you mean amtl" in run("--loss", "amlt", "--steps", 1)[2]


def test_every_other_loss_takes_a_step(toy):
    for name in LOSSES:
        try:
            toy.build(name)
        except ConfigError:
            continue
        way = toy.descend(name, (9.0, -1.0), 2, 0.01)
        assert len(way.points) == 3
        assert np.isfinite(way.losses).all()


def test_without_matplotlib_one_line_says_so(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("--loss", "weighted-sum", "--steps", 1) == (
        2,
        "",
        "error: the picture needs matplotlib: pip install matplotlib\n",
    )


def test_a_picture_that_cannot_be_written_is_told_before_the_first_step(run, tmp_path):
    for output, reason in (("no/toy.png", "there is no folder"), ("toy.exe", "ends in one of")):
        status, _, error = run("--loss", "rlw", "--output", tmp_path / output)
        assert (status, error.count("\n")) == (2, 1)
        assert reason in error
