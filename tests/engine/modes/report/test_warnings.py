"""What a report warns of, and that it is silent where all is well."""

import pytest

from engine.modes.report.experiments import experiments_of
from engine.modes.report.runs import find_runs
from engine.modes.report.warnings import (
    chosen_on_test,
    classes_never_right,
    diverged,
    given_potentials,
    not_searched_for,
    one_seed,
    other_baselines,
    other_machines,
    other_seeds,
    repeated,
    still_improving,
    unlearnt,
    warnings_of,
)
from tests.engine.modes.report.writing import METRICS, write_rows, write_run


def warned(warn, root):
    [experiment] = experiments_of(find_runs([root]).runs)
    return warn(experiment)


def epochs(accuracies, losses=None):
    losses = losses or [1.0] * len(accuracies)
    return [
        {"epoch": k + 1, "loss depth": loss, "segmentation mIoU": 0.4, "depth d1": accuracy}
        for k, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True))
    ]


FLAT = epochs([0.5, 0.8, 0.8, 0.8])


def test_nothing_is_said_where_all_is_well(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0}, (0, 1), epochs=FLAT)
    for loss in ("amtl", "weighted-sum"):
        search(tmp_path, loss)
    assert warned(warnings_of, tmp_path) == []


def search(root, loss, options=""):
    """What a search of a loss leaves, beside the loss's folder."""
    (root / "search").mkdir(exist_ok=True)
    (root / "search" / f"{loss}.cfg").write_text(f"[run]\ntasks = seg depth\n{options}")


def test_one_seed(tmp_path):
    write_rows(tmp_path, {"weighted-sum": 0}, (0, 1))
    write_rows(tmp_path, {"amtl": 0}, (1,))
    assert warned(one_seed, tmp_path) == ["One seed only, which says nothing of noise: amtl."]
    [line] = warned(other_seeds, tmp_path)
    assert "0, 1 (weighted-sum); 1 (amtl)" in line


def test_a_repeated_seed(tmp_path):
    write_run(tmp_path / "seed0")
    write_run(tmp_path / "seed0-again")
    [line] = warned(repeated, tmp_path)
    assert line.endswith(f"{tmp_path}/seed0-again.")


def test_a_choice_by_the_test_set(tmp_path):
    write_run(tmp_path / "a", selected_on="test")
    write_run(tmp_path / "b", "uw")
    [line] = warned(chosen_on_test, tmp_path)
    assert line.endswith(": amtl.")


def test_accuracies_that_were_given(tmp_path):
    write_run(tmp_path / "a", potential_given=True)
    write_run(tmp_path / "b", "uw", potential_given=False)
    [line] = warned(given_potentials, tmp_path)
    assert line.endswith("no single-task network: amtl.")


@pytest.mark.parametrize(
    ("last", "gains"),
    [
        ((0.805,), "depth +0.5"),
        ((0.8005,), None),
        ((0.82, 0.83), "depth +2.5"),
        ((0.82, 0.78), None),
    ],
    ids=["one seed", "one seed, a little", "above the noise", "within the noise"],
)
def test_a_training_that_still_improves(tmp_path, last, gains):
    for seed, value in enumerate(last):
        rows = epochs([0.5, 0.7, 0.8, value])
        write_run(tmp_path / f"{seed}", seed=seed, epochs=rows)
    lines = warned(still_improving, tmp_path)
    assert [f"amtl ({gains})" in line for line in lines] == ([True] if gains else [])


def test_single_task_networks_that_still_improve(tmp_path):
    write_run(tmp_path / "a", epochs=FLAT, better=0.1)
    write_run(tmp_path / "b", "weighted-sum", 0, 0, ("depth",), epochs([0.5, 0.6, 0.7, 0.8]))
    [line] = warned(still_improving, tmp_path)
    assert "single-task (depth +10.0)" in line
    assert "amtl" not in line


def test_steps_that_were_undone_and_losses_that_rise(tmp_path):
    write_run(tmp_path / "a", skipped_steps=3, epochs=epochs([0.5, 0.6], [1.0, 2.0]))
    write_run(tmp_path / "b", "uw", skipped_steps=0, epochs=epochs([0.5, 0.6], [1.0, 0.5]))
    undone, rising = warned(diverged, tmp_path)
    assert undone.endswith("amtl seed 0 (3).")
    assert rising.endswith("amtl seed 0 (depth).")


def test_a_network_that_has_learnt_nothing(tmp_path):
    constant = {"depth": {"d1": 0.85}}
    write_run(tmp_path / "a", constant=constant, better=0.01)
    write_run(tmp_path / "b", "uw", constant=constant, better=0.1)
    [line] = warned(unlearnt, tmp_path)
    assert "Next to nothing of depth has been learnt by amtl seed 0, single-task seed 0:" in line


def test_classes_that_were_never_right(tmp_path):
    for seed, sofa in enumerate((0.0, 0.2)):
        classes = {"bed": 0.0, "sofa": sofa, "wall": 0.5, "wall AP50": 0.0, "rug": None}
        write_run(tmp_path / f"{seed}", seed=seed, per_class={"segmentation": classes})
    write_run(tmp_path / "c", "uw", per_class={"segmentation": {"bed": 0.0, "sofa": 0.0}})
    [line] = warned(classes_never_right, tmp_path)
    assert line == "Classes of segmentation that were never right: amtl (bed)."


def test_a_learning_rate_that_was_not_searched_for(tmp_path):
    write_rows(tmp_path, {"amtl": 0, "uw": 0, "dtp": 0}, (0,), options="[training]\nlr = 0.1\n")
    search(tmp_path, "amtl", "[training]\nlr = 0.1\n")
    search(tmp_path, "uw", "[training]\nlr = 0.2\n")
    [line] = warned(not_searched_for, tmp_path)
    assert line.endswith("--mode search: dtp, uw.")


def test_a_run_of_the_cfg_of_a_search(tmp_path):
    write_run(tmp_path / "a", cfg="runs/x/search/amtl.cfg")
    assert warned(not_searched_for, tmp_path) == []


def test_runs_of_several_machines(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", "uw", device="NVIDIA H100", precision="float16", torch="3")
    devices, versions, precisions = warned(other_machines, tmp_path)
    assert devices == "Several devices: cpu (amtl); NVIDIA H100 (uw)."
    assert versions.startswith("Several versions of PyTorch: 2 (amtl); 3 (uw)")
    assert precisions.startswith("Several precisions: float32 (amtl)")


def test_runs_of_one_seed_with_several_baselines(tmp_path):
    other = {**METRICS, "depth": {"d1": 0.7, "rmse": 0.6}}
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", "uw", baseline=other)
    write_run(tmp_path / "c", "uw", seed=1, baseline=other)
    first, _ = warned(other_baselines, tmp_path)
    assert first == "Seed 0 has several single-task networks: amtl against uw."
