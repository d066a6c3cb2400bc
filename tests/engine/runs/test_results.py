"""The numbers and tables at the end of a run."""

import json
import math
import re

import pytest

from engine.runs.deltas import mean_gain, relative_gain
from engine.runs.results import Results
from engine.runs.tables import results_table
from engine.training.progress import duration

VALUES = {
    "cfg": "cfg/a.cfg",
    "loss": "amtl",
    "seed": 3,
    "tasks": ["segmentation:VOC", "depth"],
    "metrics": {
        "segmentation:VOC": {"mIoU": 0.33},
        "depth": {"d1": 0.8, "d2": 0.9, "d3": 0.95, "rmse": 0.45, "abs_rel": 0.2},
    },
    "constant": {"segmentation:VOC": {"mIoU": 0.03}, "depth": {"d1": 0.5, "rmse": 1.1}},
    "baseline": {"segmentation:VOC": {"mIoU": 0.3}, "depth": {"d1": 0.8, "rmse": 0.5}},
    "potential_given": False,
    "delta": {"segmentation:VOC": 10.0, "depth": 0.0},
    "delta_mtl": 5.0,
    "epochs": 4,
    "best_epoch": 3,
    "selected_on": "validation",
    "seconds_per_epoch": 61.0,
    "images_per_second": 20.0,
    "parameters": 10_000_000,
    "gmacs": 2.0,
    "single_task_networks": {"parameters": 20_000_000, "gmacs": 8.0},
    "device": "cpu",
    "per_class": {},
    "accuracy": {"segmentation:VOC": 0.33, "depth": 0.8},
    "learning_rate": 1e-3,
    "train_images": 10,
    "test_images": {},
    "precision": "float32",
    "torch": "2",
}


def make(**changes):
    return Results(**VALUES | changes)


def test_gains_are_in_percent_of_the_baseline_and_positive_where_better():
    assert relative_gain(0.33, 0.3, +1) == pytest.approx(10)
    assert relative_gain(0.45, 0.5, -1) == pytest.approx(10)
    assert relative_gain(0.55, 0.5, -1) == pytest.approx(-10)


@pytest.mark.parametrize("baseline", [0.0, math.nan])
def test_no_gain_over_a_baseline_that_learnt_nothing(baseline):
    assert relative_gain(0.3, baseline, +1) is None
    assert mean_gain([1.0, None]) is None


def test_the_mean_over_tasks():
    assert mean_gain([1.0, -2.0, 4.0]) == 1


def test_the_table_has_a_row_a_task_and_the_costs_below():
    lines = results_table(make()).splitlines()
    row = next(line for line in lines if line.startswith("segmentation:VOC"))
    assert re.split(r"\s{2,}", row) == [
        "segmentation:VOC", "mIoU ↑*", "3.00 %", "30.00 %", "33.00 %", "+10.00 %",
    ]  # fmt: skip
    rmse = next(line for line in lines if "rmse" in line)
    assert rmse.split() == ["rmse", "↓", "1.100", "0.500", "0.450", "+10.00", "%"]
    text = "\n".join(lines)
    assert "+5.00 % against the baselines" in text
    assert "10.00 M, 50.0 % of the 20.00 M" in text
    assert "2.00 G, 25.0 % of the 8.00 G" in text
    assert "1 min 01 s" in text


def test_a_single_task_table_compares_with_the_constant_prediction_alone():
    single = make(delta=None, delta_mtl=None, tasks=["depth"], single_task_networks=None)
    table = results_table(single)
    assert "single-task" not in table
    assert "50.00 %" in table


def test_durations():
    assert [duration(s) for s in (3.4, 61, 3725)] == ["3 s", "1 min 01 s", "1 h 02 min"]


def test_what_is_written_is_read_and_json_has_no_nan(tmp_path):
    results = make(constant={"depth": {"d1": math.nan, "rmse": 1.0}})
    results.write(tmp_path / "results.json")
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["constant"] == {"depth": {"d1": None, "rmse": 1.0}}
    assert stored["delta_mtl"] == 5.0
    assert "baseline_key" not in stored
    assert stored.pop("checksum")
    assert Results.read(tmp_path / "results.json").as_json() == stored
    assert Results.read(tmp_path / "none.json") is None
    (tmp_path / "results.json").write_text('{"finished": true}')
    assert Results.read(tmp_path / "results.json") is None, "of another version"


def test_a_baseline_that_was_never_measured_gives_no_gain():
    results = make(delta=None)
    results.compare({"segmentation:VOC": {"mIoU": None}, "depth": {"d1": 0.4}})
    assert results.delta == {"segmentation:VOC": None, "depth": pytest.approx(100)}
    assert results.delta_mtl is None
    assert "delta_mtl" in results.as_json()


def test_the_table_says_what_it_is_made_of():
    results = make(test_images={"segmentation:VOC": 20, "depth": 40}, selection_images=7)
    text = results_table(results)
    assert "of epoch 3 of 4, the best on 7 images of the validation set" in text
    assert "test set, labelled images: segmentation:VOC 20, depth 40" in text
    marked = [line for line in text.splitlines() if "*" in line]
    assert len(marked) == 3, "the accuracy of each task, and what Δ is the mean of"
    assert "note" not in text


def test_results_of_an_earlier_version_are_shown_by_any_definition(tmp_path):
    """They name no definition, and lack the metrics that came since."""
    make().write(tmp_path / "results.json")
    old = Results.read(tmp_path / "results.json")
    assert (old.delta_metrics, old.deltas) == (None, None)
    assert "(delta_metrics = key)" in results_table(old)
    paper = old.by("paper")
    assert paper.delta == pytest.approx({"segmentation:VOC": 10, "depth": 10})
    text = results_table(paper)
    mean = "+10.00 % against the baselines, mean over the metrics marked *"
    assert f"{mean} (delta_metrics = paper)" in text
    marked = [line.split()[:2] for line in text.splitlines() if "*" in line]
    assert marked[:2] == [["segmentation:VOC", "mIoU"], ["rmse", "↓*"]]
    flat = old.by("flat")
    assert flat.delta_mtl is None
    notes = [line for line in results_table(flat).splitlines() if line.startswith("note: ")]
    assert [note[:60] for note in notes] == [
        "note: no Δ of segmentation:VOC, for lack of pixel_acc: an ea",
        "note: no Δ of depth, for lack of abs_err, abs_rel: an earlie",
    ]
    given = results_table(make(potential_given=True).by("flat"))
    assert "for lack of abs_err, abs_rel: the potentials given are accuracies alone" in given


def test_a_network_that_does_not_beat_the_constant_prediction_has_learnt_nothing():
    poor = make(
        metrics=VALUES["metrics"] | {"segmentation:VOC": {"mIoU": 0.02}},
        baseline=VALUES["baseline"] | {"segmentation:VOC": {"mIoU": 0.016}},
    )
    notes = [line for line in results_table(poor).splitlines() if line.startswith("note: ")]
    assert len(notes) == 2
    assert all("segmentation:VOC" in note and "Δ means little" in note for note in notes)
    assert "mIoU 1.60 %, and 3.00 % without the image" in notes[1]


def test_boxes_below_five_percent_are_nothing_learnt():
    """Detection has no constant prediction."""
    values = {"mAP": 0.0094}
    poor = make(tasks=["detection"], metrics={"detection": values}, baseline={"detection": values})
    notes = [line for line in results_table(poor).splitlines() if line.startswith("note: ")]
    assert [note.count("mAP 0.94 %") for note in notes] == [1, 1]
    single = make(tasks=["detection"], metrics={"detection": values}, delta=None, delta_mtl=None)
    assert "the network has learnt next to nothing of detection" in results_table(single)
