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


def begin(folder, step=0, state=None):
    records = Records(folder, TASKS)
    if state:
        records.load_state_dict(state)
    records.begin(step)
    return records


def write_epoch(records, epoch):
    records.add_steps([{"epoch": epoch, "step": 2 * epoch + k, "lr": 0.1} for k in (-1, 0)])
    figures = {"norm/depth": 1.5, "condition": float("inf")}
    records.add_gradients([{"epoch": epoch, "step": 2 * epoch, **figures}])
    affinity = torch.arange(9.0).view(3, 3) / epoch
    records.add_affinity(epoch, 2 * epoch, affinity, [("depth", "normal"), ("segmentation:VOC",)])


def test_a_run_that_goes_on_drops_what_came_after_its_checkpoint(folder):
    records = begin(folder)
    write_epoch(records, 1)
    state = records.state_dict()
    for epoch in (2, 3):
        write_epoch(records, epoch)
    records.close()
    records = begin(folder, 2, state)
    write_epoch(records, 2)
    records.close()
    for path, an_epoch in ((folder.steps, 2), (folder.gradients, 1), (folder.affinity, 3)):
        assert [r["epoch"] for r in rows_of(path)] == ["1"] * an_epoch + ["2"] * an_epoch
    assert [step for step, _ in scalars(folder)["step/lr"]] == [1, 2, 3, 4]


def test_a_table_of_an_earlier_version_goes_on_with_its_columns(folder):
    records = begin(folder)
    records.gradients.columns = ["epoch", "step", "norm/depth"]
    write = [{"epoch": 1, "step": 2, "norm/depth": 1.5}]
    records.add_gradients(write)
    state = records.state_dict()
    records.close()
    records = begin(folder, 2, state)
    records.add_gradients([{"epoch": 2, "step": 4, "norm/depth": 2.5, "norm_of_sum": 9.0}])
    records.close()
    assert [row["norm/depth"] for row in rows_of(folder.gradients)] == ["1.5", "2.5"]
    assert list(rows_of(folder.gradients)[1]) == ["epoch", "step", "norm/depth"]
    assert scalars(folder)["gradient/norm_of_sum"] == [(4, 9.0)]


@pytest.mark.parametrize("damage", [b"", b"step,", None, "a folder", "nothing"])
def test_rows_that_have_changed_are_moved_aside_and_told(folder, damage, capsys):
    records = begin(folder)
    write_epoch(records, 1)
    records.close()
    stored = bytearray(folder.steps.read_bytes())
    folder.steps.unlink()
    if damage == "a folder":
        folder.steps.mkdir()
    elif damage != "nothing":
        stored[-5] ^= 1
        folder.steps.write_bytes(stored if damage is None else damage)
    records = begin(folder, 2, records.state_dict())
    assert "steps.csv is not what it was at the last checkpoint" in capsys.readouterr().out
    write_epoch(records, 2)
    records.close()
    assert [r["epoch"] for r in rows_of(folder.steps)] == ["2", "2"]
    assert [r["epoch"] for r in rows_of(folder.gradients)] == ["1", "2"]
    moved = folder.steps.with_name("steps.csv.damaged")
    assert moved.exists() == (damage != "nothing")


def test_a_figure_of_an_absent_task_is_empty(folder):
    records = begin(folder)
    write_epoch(records, 1)
    records.close()
    row = rows_of(folder.gradients)[0]
    assert row["norm/depth"] == "1.5"
    assert row["condition"] == "inf"
    assert row["cosine/segmentation:VOC|depth"] == row["norm/normal"] == ""
    assert scalars(folder)["gradient/norm/depth"] == [(2, 1.5)]


def test_affinities_are_a_row_a_source_with_the_number_of_its_group(folder):
    records = begin(folder)
    write_epoch(records, 1)
    records.close()
    result = rows_of(folder.affinity)
    assert [row["source"] for row in result] == TASKS
    assert [row["group"] for row in result] == ["1", "0", "0"]
    assert [float(result[1][task]) for task in TASKS] == [3.0, 4.0, 5.0]
    assert scalars(folder)["affinity/depth_to_segmentation-VOC"] == [(2, 3.0)]


def test_what_nobody_asked_for_is_not_there(folder):
    begin(folder).close()
    assert not folder.gradients.exists()
    assert not folder.affinity.exists()
