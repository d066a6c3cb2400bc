"""Which runs are compared, and what their rows are called."""

import pytest

from engine.modes.report.experiments import experiments_of
from engine.modes.report.runs import find_runs
from tests.engine.modes.report.writing import METRICS, write_rows, write_run


def experiments(root):
    return experiments_of(find_runs([root]).runs)


def rows(experiment):
    return {row.name: [run.seed for run in row.runs] for row in experiment.rows}


def test_a_row_a_loss_and_weighted_sum_first(tmp_path):
    write_rows(tmp_path, {"amtl": 0, "cagrad": 0, "weighted-sum": 0}, (1, 0))
    [experiment] = experiments(tmp_path)
    assert rows(experiment) == {"weighted-sum": [0, 1], "amtl": [0, 1], "cagrad": [0, 1]}
    assert list(rows(experiment)) == ["weighted-sum", "amtl", "cagrad"]
    assert experiment.title == "seg+depth/NYU/DeepLab_resnet50"
    assert experiment.seeds == [0, 1]


def test_another_value_of_an_option_is_another_row_that_names_it(tmp_path):
    for name, rate in (("a", "0.01"), ("b", "0.001")):
        write_run(tmp_path / name, options=f"[training]\nlr = {rate}\nsave_freq = {len(rate)}\n")
    write_run(tmp_path / "c", "uw", options="[training]\nlr = 0.01\n")
    [experiment] = experiments(tmp_path)
    assert set(rows(experiment)) == {"amtl, lr 0.01", "amtl, lr 0.001", "uw, lr 0.01"}


def test_options_of_a_loss_name_its_own_rows_alone(tmp_path):
    for margin in ("0.05", "0.1"):
        write_run(tmp_path / margin, options=f"[loss.amtl]\nmargin = {margin}\n")
    write_run(tmp_path / "c", "uw")
    [experiment] = experiments(tmp_path)
    assert set(rows(experiment)) == {"amtl, margin 0.05", "amtl, margin 0.1", "uw"}


def test_an_option_that_an_earlier_version_did_not_write_counts_as_the_default(tmp_path):
    write_run(tmp_path / "a", seed=0)
    write_run(tmp_path / "b", seed=1, options="[training]\nclip_grad = 0.0\n")
    write_run(tmp_path / "c", seed=2, options="[training]\nclip_grad = 1.0\n")
    [experiment] = experiments(tmp_path)
    assert rows(experiment) == {"amtl, clip_grad 0.0": [0, 1], "amtl, clip_grad 1.0": [2]}
    (tmp_path / "c/results.json").unlink()
    [experiment] = experiments(tmp_path)
    assert rows(experiment) == {"amtl": [0, 1]}


def test_a_path_of_another_machine_makes_no_other_row(tmp_path):
    for seed, folder in enumerate(("/home/a", "/data/b")):
        write_run(tmp_path / f"{seed}", seed=seed, options=f"protocol_list = {folder}/list.csv\n"
                  f"dataset_root = {folder}\n", cfg=f"{folder}/cfg/seg+depth/a.cfg")  # fmt: skip
    [experiment] = experiments(tmp_path)
    assert rows(experiment) == {"amtl": [0, 1]}
    assert experiment.title == "seg+depth/a"


def test_other_data_or_another_network_make_another_experiment(tmp_path):
    write_run(tmp_path / "a", options="size = 32 48\n")
    write_run(tmp_path / "b", options="size = 64 96\n")
    titles = sorted(experiment.title for experiment in experiments(tmp_path))
    name = "seg+depth/NYU/DeepLab_resnet50"
    assert titles == [f"{name}, size 32 48", f"{name}, size 64 96"]


def test_other_fixed_weights_are_the_front_and_other_trials_no_rows(tmp_path):
    write_rows(tmp_path, {"amtl": 0, "weighted-sum": 0}, (0, 1))
    weights = {"options": "[loss.weighted-sum]\nloss_weight = 0.2 0.8\n"}
    write_run(tmp_path / "w/seed0-a", "weighted-sum", **weights)
    write_run(tmp_path / "w/seed0-search-weighted-sum-0-3", "weighted-sum", **weights)
    write_run(tmp_path / "w/seed0-search-amtl-0-3", "amtl", options="[training]\nlr = 9\n")
    [experiment] = experiments(tmp_path)
    assert rows(experiment) == {"weighted-sum": [0, 1], "amtl": [0, 1]}
    assert len(experiment.front) == 2


def test_fixed_weights_without_equal_ones_are_rows(tmp_path):
    for weights in ("0.2 0.8", "0.6 0.4"):
        options = f"[loss.weighted-sum]\nloss_weight = {weights}\n"
        write_run(tmp_path / weights, "weighted-sum", options=options)
    [experiment] = experiments(tmp_path)
    named = {f"weighted-sum, loss_weight {w}" for w in ("0.2 0.8", "0.6 0.4")}
    assert set(rows(experiment)) == named
    assert not experiment.front


def test_a_seed_that_was_run_twice_counts_once(tmp_path):
    write_run(tmp_path / "amtl/seed0-again")
    write_run(tmp_path / "amtl/seed0")
    [experiment] = experiments(tmp_path)
    assert [run.folder.path.name for run in experiment.runs] == ["seed0"]
    assert [run.folder.path.name for run in experiment.repeats] == ["seed0-again"]


def test_single_task_networks_belong_to_the_runs_that_were_compared_with_them(tmp_path):
    write_rows(tmp_path / "a", {"amtl": 0.1}, (0,))
    for task, better in (("segmentation", 0), ("depth", 0), ("depth", 0.3)):
        write_run(tmp_path / f"baselines/{task}-{better}", "weighted-sum", 0, better, (task,))
    [experiment] = experiments(tmp_path)
    assert {task: len(runs) for task, runs in experiment.singles.items()} == {
        "segmentation": 1, "depth": 1,
    }  # fmt: skip
    [single] = experiment.singles["depth"]
    assert single.results.metrics["depth"] == METRICS["depth"]


def test_single_task_runs_alone_are_an_experiment(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"{seed}", "weighted-sum", seed, tasks=("depth",))
    [experiment] = experiments(tmp_path)
    assert rows(experiment) == {"weighted-sum": [0, 1]}
    assert experiment.tasks == ["depth"]


@pytest.mark.parametrize(
    ("cfg", "title"),
    [
        ("cfg/seg+depth/NYU/DeepLab.cfg", "seg+depth/NYU/DeepLab"),
        ("runs/seg+depth/a/amtl/seed0/config.cfg", "runs/seg+depth/a"),
        ("runs/seg+depth/a/search/amtl.cfg", "runs/seg+depth/a"),
        ("config.cfg", "folder"),
    ],
)
def test_an_experiment_is_called_by_its_cfg(tmp_path, cfg, title):
    write_run(tmp_path / "folder/amtl/seed0", cfg=cfg)
    assert [experiment.title for experiment in experiments(tmp_path)] == [title]


def test_baselines_on_another_dataset_are_no_experiment_of_their_own(tmp_path):
    write_run(tmp_path / "several")
    write_run(tmp_path / "depth", "weighted-sum", tasks=("depth",),
              options="size = 32 32\n")  # fmt: skip
    [experiment] = experiments(tmp_path)
    assert [run.folder.path.name for run in experiment.singles["depth"]] == ["depth"]
    write_run(tmp_path / "other", "weighted-sum", tasks=("depth",), better=0.1,
              options="size = 32 32\n")  # fmt: skip
    assert [e.tasks for e in experiments(tmp_path)] == [["segmentation", "depth"], ["depth"]]
