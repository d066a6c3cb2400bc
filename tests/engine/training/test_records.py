"""What a run writes down, and what is left of it when the run goes on."""

import csv

import pytest
import torch

from engine.runs.folder import RunFolder
from engine.training.records import Records

TASKS = ["segmentation:VOC", "depth", "normal"]


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder.events)).Reload()
    return {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def write_epoch(records, epoch):
    records.add_steps([{"epoch": epoch, "step": 2 * epoch + k, "lr": 0.1} for k in (-1, 0)])
    figures = {"norm/depth": 1.5, "condition": float("inf")}
    records.add_gradients([{"epoch": epoch, "step": 2 * epoch, **figures}])
    affinity = torch.arange(9.0).view(3, 3) / epoch
    records.add_affinity(epoch, 2 * epoch, affinity, [("depth", "normal"), ("segmentation:VOC",)])


def test_a_run_that_goes_on_drops_what_came_after_its_checkpoint(folder):
    records = Records(folder, TASKS)
    for epoch in (1, 2, 3):
        write_epoch(records, epoch)
    records.close()
    records = Records(folder, TASKS, done=1, steps=2)
    write_epoch(records, 2)
    records.close()
    for path, an_epoch in ((folder.steps, 2), (folder.gradients, 1), (folder.affinity, 3)):
        assert [r["epoch"] for r in rows_of(path)] == ["1"] * an_epoch + ["2"] * an_epoch


def test_a_figure_of_an_absent_task_is_empty(folder):
    records = Records(folder, TASKS)
    write_epoch(records, 1)
    records.close()
    row = rows_of(folder.gradients)[0]
    assert row["norm/depth"] == "1.5"
    assert row["condition"] == "inf"
    assert row["cosine/segmentation:VOC|depth"] == row["norm/normal"] == ""
    assert scalars(folder)["gradient/norm/depth"] == [(2, 1.5)]


def test_affinities_are_a_row_a_source_with_the_number_of_its_group(folder):
    records = Records(folder, TASKS)
    write_epoch(records, 1)
    records.close()
    result = rows_of(folder.affinity)
    assert [row["source"] for row in result] == TASKS
    assert [row["group"] for row in result] == ["1", "0", "0"]
    assert [float(result[1][task]) for task in TASKS] == [3.0, 4.0, 5.0]
    assert scalars(folder)["affinity/depth_to_segmentation-VOC"] == [(2, 3.0)]


def test_what_nobody_asked_for_is_not_there(folder):
    Records(folder, TASKS).close()
    assert not folder.gradients.exists()
    assert not folder.affinity.exists()
