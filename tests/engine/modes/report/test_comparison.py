"""The rows of an experiment against one another."""

import pytest

from engine.modes.report.comparison import compare
from engine.modes.report.experiments import experiments_of
from engine.modes.report.runs import find_runs
from engine.runs.columns import Column
from tests.engine.modes.report.writing import METRICS, write_rows, write_run
from utils.errors import UserError

DEPTH, RMSE, DELTA = Column("depth", "d1"), Column("depth", "rmse"), Column()


def compared(root, reference=None):
    [experiment] = experiments_of(find_runs([root]).runs)
    return compare(experiment, reference)


def of(estimates, comparison, column):
    return estimates[comparison.columns.index(column)]


def test_means_in_percent_beside_what_is_compared_with(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0}, (0, 1))
    comparison = compared(tmp_path)
    depth = of(comparison.estimates["amtl"], comparison, DEPTH)
    assert depth.values == pytest.approx({0: 90, 1: 91})
    assert depth.mean == pytest.approx(90.5)
    single = of(comparison.references["single-task"], comparison, DEPTH)
    assert (single.mean, single.half_width) == (80, 0)
    assert "constant" not in comparison.references
    assert of(comparison.references["single-task"], comparison, DELTA).mean is None


def test_differences_are_paired_by_seed(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0}, (0, 1, 2))
    comparison = compared(tmp_path)
    assert comparison.reference.name == "weighted-sum"
    assert set(comparison.differences) == {"amtl"}
    depth = of(comparison.differences["amtl"], comparison, DEPTH)
    assert depth.values == pytest.approx({0: 10, 1: 10, 2: 10})
    assert depth.half_width == pytest.approx(0, abs=1e-9), "the seeds differ, their pairs do not"
    other = compared(tmp_path, "amtl")
    assert of(other.differences["weighted-sum"], other, DEPTH).mean == pytest.approx(-10)


def test_only_common_seeds_are_compared(tmp_path):
    write_rows(tmp_path, {"weighted-sum": 0}, (0, 1, 2))
    write_rows(tmp_path, {"amtl": 0.1}, (1, 5))
    comparison = compared(tmp_path)
    depth = of(comparison.differences["amtl"], comparison, DEPTH)
    assert set(depth.values) == {1}
    assert depth.half_width is None
    assert comparison.noises == [None] * len(comparison.columns)
    assert comparison.floor == ""
    assert comparison.common_seeds == [1]
    assert not comparison.is_untold(comparison.experiment.rows[1], 0)


def test_a_difference_within_the_noise_is_untold(tmp_path):
    for loss, gains in {"weighted-sum": (0, 0, 0), "amtl": (0.01, -0.01, 0.005),
                        "uw": (0.3, 0.31, 0.29)}.items():  # fmt: skip
        for seed, better in enumerate(gains):
            write_run(tmp_path / loss / f"{seed}", loss, seed, better)
    comparison = compared(tmp_path)
    index = comparison.columns.index(DEPTH)
    untold = {row.name: comparison.is_untold(row, index) for row in comparison.experiment.rows}
    assert untold == {"weighted-sum": False, "amtl": True, "uw": False}
    assert comparison.noises[index].freedom == 4
    assert comparison.floors[index] == comparison.noises[index].floor(3)
    floor = comparison.floors[comparison.columns.index(DELTA)]
    assert comparison.floor == (
        "Over 3 seeds, a difference from weighted-sum in Δ_MTL % of less than "
        f"{floor:.2f} cannot be told from noise."
    )


def test_the_floor_is_that_of_most_rows(tmp_path):
    write_rows(tmp_path, {"weighted-sum": 0, "amtl": 0.1, "uw": 0.2}, (0, 1, 2))
    write_rows(tmp_path, {"dtp": 0}, (0, 7))
    write_rows(tmp_path, {"rlw": 0, "gls": 0, "stch": 0, "famo": 0}, (8,))
    comparison = compared(tmp_path)
    assert comparison.pairs == 3
    assert comparison.floors[0] == comparison.noises[0].floor(3)


def test_identical_rows_cannot_be_told_apart_and_share_ranks(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0.1}, (0, 1, 2, 3, 4))
    comparison = compared(tmp_path)
    row = next(row for row in comparison.experiment.rows if row.name == "amtl")
    assert all(comparison.is_untold(row, index) for index in range(len(comparison.columns)))
    assert comparison.first_shares == pytest.approx({"weighted-sum": 0.5, "amtl": 0.5})
    assert comparison.mean_ranks == {"weighted-sum": 1.5, "amtl": 1.5}
    assert comparison.bootstrapped


def test_rows_are_ranked_by_delta_mtl(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0, "uw": 0.2}, (0, 1))
    comparison = compared(tmp_path)
    assert [row.name for row in comparison.ranked] == ["uw", "amtl", "weighted-sum"]
    assert comparison.mean_ranks == {"uw": 1, "amtl": 2, "weighted-sum": 3}
    assert comparison.first_shares == {"uw": 1, "amtl": 0, "weighted-sum": 0}
    assert not comparison.bootstrapped


def test_the_best_of_an_error_is_the_lowest(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0}, (0, 1))
    comparison = compared(tmp_path)
    best = {
        column: [r.name for r in comparison.experiment.rows if comparison.is_best(r, index)]
        for index, column in enumerate(comparison.columns)
    }
    assert best[DEPTH] == ["amtl"]
    assert best[RMSE] == ["weighted-sum"]


def test_a_mean_wants_all_seeds_and_a_difference_the_seeds_that_have_numbers(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1, "weighted-sum": 0}, (0, 1))
    metrics = {"segmentation": {"mIoU": 0.5}, "depth": {"d1": None, "rmse": 0.5}}
    write_run(tmp_path / "amtl/seed2", "amtl", 2, metrics=metrics)
    write_run(tmp_path / "weighted-sum/seed2", "weighted-sum", 2)
    comparison = compared(tmp_path)
    assert of(comparison.estimates["amtl"], comparison, DEPTH).mean is None
    assert set(of(comparison.differences["amtl"], comparison, DEPTH).values) == {0, 1}
    assert comparison.common_seeds == [0, 1]


def test_delta_is_by_the_definition_of_most_runs(tmp_path):
    write_rows(tmp_path, {"amtl": 0.1}, (0, 1))
    runs = find_runs([tmp_path]).runs
    for run in runs:
        run.results.compare(METRICS, "paper" if run.seed else "key")
    comparison = compare(experiments_of([runs[1]])[0])
    assert comparison.definition == "paper"
    rmse = -100 * 0.11 / 0.5
    miou = 100 * 0.11 / 0.4
    assert comparison.estimates["amtl"][-1].mean == pytest.approx((rmse + miou) / 2)


def test_a_loss_of_several_rows_is_no_reference(tmp_path):
    for rate in ("0.1", "0.2"):
        write_run(tmp_path / rate, options=f"[training]\nlr = {rate}\n")
    write_run(tmp_path / "uw", "uw", options="[training]\nlr = 0.1\n")
    with pytest.raises(
        UserError, match=r"amtl is the loss of several rows .* one of 'amtl, lr 0\.1'"
    ):
        compared(tmp_path, "amtl")
    assert compared(tmp_path, "amtl, lr 0.2").reference.name == "amtl, lr 0.2"
    assert compared(tmp_path, "uw").reference.loss == "uw"


def test_one_run_is_compared_with_nothing(tmp_path):
    write_run(tmp_path / "a")
    comparison = compared(tmp_path)
    assert comparison.reference is None
    assert not comparison.differences
    assert not comparison.mean_ranks
    assert comparison.floor == ""
    assert comparison.estimates["amtl"][0].mean == 40


def test_single_task_runs_are_ranked_by_their_accuracy(tmp_path):
    for seed in (0, 1):
        for rate, better in (("0.1", 0.0), ("0.2", 0.1)):
            write_run(tmp_path / f"{rate}-{seed}", "weighted-sum", seed, better, ("depth",),
                      options=f"[training]\nlr = {rate}\n")  # fmt: skip
    comparison = compared(tmp_path)
    assert [row.name for row in comparison.ranked] == [
        "weighted-sum, lr 0.2", "weighted-sum, lr 0.1",
    ]  # fmt: skip
    assert DELTA not in comparison.columns
