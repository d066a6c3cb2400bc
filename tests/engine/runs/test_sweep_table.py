"""The table over the runs of a sweep."""

import csv
import io
import re

import pytest

from engine.runs.sweep_table import SweepTable
from tests.engine.runs.test_results import make

TASKS = ["segmentation:VOC", "depth"]


def runs():
    """Two seeds of a loss, and one of another."""
    second = make(
        seed=4,
        metrics={"segmentation:VOC": {"mIoU": 0.31}, "depth": {"d1": 0.6, "rmse": 0.35}},
        delta={"segmentation:VOC": 0.0, "depth": -2.0},
        delta_mtl=-1.0,
    )
    return [
        ({"loss": "amtl", "seed": "3"}, make(tasks=TASKS, delta_metrics="paper")),
        ({"loss": "amtl", "seed": "4"}, second),
        ({"loss": "weighted-sum", "seed": "3"}, make(loss="weighted-sum", delta_mtl=9.0)),
    ]


def cells(text):
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_a_row_a_loss_with_mean_and_deviation_over_the_seeds():
    header, constant, single, amtl, plain, note = cells(SweepTable(runs()).text())
    assert header[:3] == ["n", "segmentation:VOC mIoU % ↑", "depth rmse ↓"]
    assert (constant[0], single[0]) == ("constant", "single-task")
    assert amtl[:3] == ["amtl", "2", "32.000 ± 1.414"]
    assert plain[:3] == ["weighted-sum", "1", "33.000 *"]
    at = header.index("Δ_MTL % ↑") + 1  # the name of the row has no title
    assert amtl[at].startswith("2.000 ± 4.243")
    assert plain[at] == "9.000 *", "the best mean"
    assert single[at] == "–", "the baseline has no gain over itself"
    assert note[-1].endswith("Δ by delta_metrics = paper")


def test_lower_is_better_for_errors():
    header, *rows = csv.reader(io.StringIO(SweepTable(runs()).csv()))
    means = {row[0]: float(row[header.index("depth rmse ↓")]) for row in rows}
    assert means["amtl"] == pytest.approx((0.45 + 0.35) / 2)
    latex = SweepTable(runs()).latex()
    assert r"\mathbf{0.400 \pm 0.071}" in latex
    assert r"\mathbf{0.450}" not in latex


def test_a_mean_wants_all_runs():
    some = runs()
    some[1][1].metrics["depth"]["rmse"] = None
    header, _, _, amtl, plain, _ = cells(SweepTable(some).text())
    at = header.index("depth rmse ↓") + 1
    assert amtl[at] == "–"
    assert plain[at] == "0.450 *"


def test_values_of_other_options_have_rows_of_their_own():
    some = [({**values, "lr": "1e-3"}, run) for values, run in runs()]
    some += [({**values, "lr": "2e-3"}, run) for values, run in runs()]
    names = [row[0] for row in cells(SweepTable(some).text())[3:-1]]
    assert names == [
        "amtl, lr 1e-3", "weighted-sum, lr 1e-3", "amtl, lr 2e-3", "weighted-sum, lr 2e-3",
    ]  # fmt: skip
