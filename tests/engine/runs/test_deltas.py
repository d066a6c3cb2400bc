"""Δ_MTL by each definition, against the papers' own numbers."""

import pytest

from engine.runs.deltas import DEFINITIONS, mean_delta, metrics_in_delta
from engine.runs.results import Results
from tasks import TASKS
from tests.engine.runs.test_results import VALUES

NAMES = {
    "segmentation": ("mIoU", "pixel_acc"),
    "depth": ("abs_err", "abs_rel"),
    "normal": ("mean", "median", "11.25", "22.5", "30"),
}
"""The columns of the papers' tables of NYUv2."""
SINGLE = "38.30 63.76 0.6754 0.2780 25.01 19.21 30.14 57.20 69.15"
LINEAR_SCALARISATION = "39.29 65.33 0.5493 0.2263 28.15 23.96 22.09 47.50 61.08"
"""Of Navon et al., "Multi-Task Learning as a Bargaining Game" (ICML 2022), with Δm = 5.59 %."""
PERCENT = ("mIoU", "pixel_acc", "11.25", "22.5", "30")


def metrics(row):
    """A row of the table as the meters give it; rmse and d1, which it lacks, stay the same."""
    numbers = iter(map(float, row.split()))
    result = {
        task: {name: next(numbers) / (100 if name in PERCENT else 1) for name in names}
        for task, names in NAMES.items()
    }
    result["depth"] |= {"rmse": 1.0, "d1": 0.5}
    return result


@pytest.fixture
def results():
    values = VALUES | {"tasks": list(NAMES), "metrics": metrics(LINEAR_SCALARISATION)}
    results = Results(**values)
    results.compare(metrics(SINGLE), "flat")
    return results


def test_flat_is_the_number_that_the_paper_prints_with_the_other_sign(results):
    assert results.delta_mtl == pytest.approx(-5.59, abs=0.005)
    assert results.delta_metrics == "flat"


def test_results_hold_all_definitions(results, tmp_path):
    results.write(tmp_path / "results.json")
    stored = Results.read(tmp_path / "results.json")
    assert list(stored.deltas) == list(DEFINITIONS)
    for name, both in stored.deltas.items():
        again = stored.by(name)
        assert (again.delta, again.delta_mtl) == (both["delta"], both["delta_mtl"])
    assert stored.delta_mtl == stored.deltas["flat"]["delta_mtl"]


def test_one_metric_a_task(results):
    miou, mean, within = 100 * (39.29 / 38.30 - 1), 100 * (1 - 28.15 / 25.01), 22.09 / 30.14
    assert results.deltas["key"]["delta"] == pytest.approx(
        {"segmentation": miou, "depth": 0, "normal": 100 * (within - 1)}
    )
    assert results.deltas["paper"]["delta"] == pytest.approx(
        {"segmentation": miou, "depth": 0, "normal": mean}
    )
    assert results.deltas["paper"]["delta_mtl"] == pytest.approx((miou + mean) / 3)


def test_within_a_task_and_then_over_the_tasks(results):
    """Normals have five of the nine metrics, and count as much as depth with two."""
    task, flat = results.deltas["task"], results.deltas["flat"]
    assert task["delta"] == flat["delta"]
    parts = task["delta"].values()
    assert task["delta_mtl"] == pytest.approx(sum(parts) / 3)
    assert flat["delta_mtl"] == pytest.approx(
        sum(len(names) * part for names, part in zip(NAMES.values(), parts, strict=True)) / 9
    )


def test_a_gain_that_there_is_not_leaves_no_mean():
    delta = mean_delta({"a": [1.0, None], "b": [3.0]}, "flat")
    assert (delta.tasks, delta.mtl) == ({"a": None, "b": 3.0}, None)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_metrics_under_every_definition(name):
    for definition in DEFINITIONS:
        names = metrics_in_delta(TASKS[name], definition)
        assert names
        assert set(names) <= set(TASKS[name].metrics)
    assert len(metrics_in_delta(TASKS[name], "paper")) == 1
