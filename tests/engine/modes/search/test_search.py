"""`--mode search`: what is varied, the shared study, and a whole search."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import read
from engine.modes.search.space import Simplex, flags_of, search_space, start_of, values_of
from engine.modes.search.study import Study, run_name
from engine.modes.search.trial import Objective

optuna = pytest.importorskip("optuna")
SCRIPT = Path(__file__).resolve().parents[4] / "train_test.py"
TASKS = ["segmentation", "depth", "normal"]


def test_what_is_varied(make_config, dense):
    space = search_space(make_config(dense, "--loss", "amtl"), TASKS)
    assert [d.name for d in space] == ["lr", "weight_decay", "focusing_factor", "margin"]
    rate = space[0]
    assert (rate.low, rate.start, rate.high) == (1e-3, 8e-3, 64e-3)
    assert start_of(space)["focusing_factor"] == 2.0
    names = [d.name for d in search_space(make_config(dense, "--loss", "cagrad"), TASKS)]
    assert names == ["lr", "weight_decay", "c"]


def test_fixed_weights_are_drawn_from_the_simplex_and_start_equal(make_config, dense):
    space = search_space(make_config(dense, "--loss", "weighted-sum"), TASKS)
    assert isinstance(space[-1], Simplex)
    study = optuna.create_study()
    study.enqueue_trial(dict(start_of(space)))
    first, *weights = flags_of(space[-1:], study.ask())
    assert first == "--loss_weight"
    assert [float(w) for w in weights] == pytest.approx([1 / 3] * 3, abs=1e-5)
    trial = study.ask()
    _, *weights = flags_of(space[-1:], trial)
    told = values_of(space[-1:], trial.params)
    assert list(told) == [f"loss_weight {task}" for task in TASKS]
    assert list(map(float, weights)) == pytest.approx(list(told.values()), abs=1e-5)
    drawn = [list(map(float, flags_of(space[-1:], study.ask())[1:])) for _ in range(200)]
    assert all(sum(some) == pytest.approx(1, abs=1e-4) for some in drawn)
    # Uniform on the simplex of three tasks: a weight is below 1/2 with probability 3/4.
    assert sum(some[0] < 0.5 for some in drawn) / 200 == pytest.approx(0.75, abs=0.1)


def test_the_objective_is_the_mean_gain_on_validation():
    objective = Objective({"depth": 0.8, "normal": 0.5})
    row = {"epoch": "1", "depth d1": "0.88", "normal 11.25": "0.45", "normal mean": "20"}
    assert objective.of(row) == pytest.approx((10 - 10) / 2)
    assert objective.of({"epoch": "2", "depth d1": "", "normal 11.25": ""}) is None
    assert Objective({"depth": None}).of(row) == 0.88


def open_study(folder, budget=20, name="amtl-0"):
    return Study(folder / "journal.log", name, {"lr": 0.1}, epochs=5, budget=budget)


def draw(study):
    """A trial that is done at once."""
    with study.next_trial() as trial:
        if trial is None:
            return None
        trial.suggest_float("lr", 0.01, 1.0, log=True)
        study.end(trial, trial.params["lr"], epochs=5, pruned=False)
        return trial


def test_the_budget_counts_pruned_trials_and_starts_at_the_cfg(tmp_path):
    study = open_study(tmp_path)
    assert draw(study).params == {"lr": 0.1}
    with study.next_trial() as trial:
        trial.suggest_float("lr", 0.01, 1.0, log=True)
        study.end(trial, None, epochs=3, pruned=True)
    assert study.used == 8
    assert draw(study)
    assert draw(study)
    assert study.used == 18
    assert draw(study) is None, "2 epochs are left of 20"
    values = [trial.value for trial in study.complete()]
    assert values[0] == max(values)


def test_a_trial_whose_process_has_died_is_gone_on_with(tmp_path):
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.engine.modes.search.test_search import open_study\n"
        "from pathlib import Path\n"
        "with open_study(Path(sys.argv[2])).next_trial() as trial:\n"
        "    trial.suggest_float('lr', 0.01, 1.0, log=True)\n"
        "    print(trial.user_attrs['run'], flush=True)\n"
        "    os._exit(9)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPT.parent), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert died.returncode == 9, died.stderr
    study = open_study(tmp_path, budget=5)
    with study.next_trial() as trial:
        assert trial is not None, "the lost trial does not count twice"
        assert trial.suggest_float("lr", 0.01, 1.0, log=True) == 0.1
        assert run_name(trial) == died.stdout.strip()
        with open_study(tmp_path, budget=5).next_trial() as other:
            assert other is None, "it is alive"
        study.end(trial, 1.0, epochs=5, pruned=False)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ([], "wants one, as in --budget 60"),
        (["--budget", "1"], "1 epochs are fewer than the 2 of one training"),
        (["--budget", "4", "--val", "test"], "a search on the test set"),
    ],
)
def test_mistakes(make_config, dense, options, what):
    config = make_config(dense, "--mode", "search", *options)
    with pytest.raises(Exception, match=what):
        config.run.mode.build().run(config)


@pytest.mark.slow
def test_a_whole_search(cfg, dense, scenes_root, tmp_path):
    """Baselines once, and not by the options of the trials; the best cfg can be run."""
    path = cfg(dense.replace("seg depth normal", "seg depth"))
    argv = [str(path), "--dataset_root", str(scenes_root), "--runs", str(tmp_path / "runs")]
    argv += ["--mode", "search", "--loss", "weighted-sum", "--budget", "6"]
    result = subprocess.run([sys.executable, SCRIPT, *argv], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "front of fixed weights" in result.stdout
    assert len(list(tmp_path.glob("runs/baselines/*"))) == 2
    best = Path(result.stdout.splitlines()[-1])
    assert read([str(best)]).run.loss.value("weighting").value("loss_weight")
    again = subprocess.run([sys.executable, SCRIPT, *argv], capture_output=True, text=True)
    assert again.stdout.splitlines()[-1] == str(best)
    assert "epochs  |" not in again.stdout, "the budget is used"
