"""What a run has recorded, read again."""

import math

import pytest

from engine.runs.history import accuracies, last_gain, read_columns


def test_a_table_is_read_by_its_columns(tmp_path):
    path = tmp_path / "epochs.csv"
    path.write_text("epoch,depth d1,note\n1,,x\n2,0.25,y\n")
    columns = read_columns(path)
    assert columns["epoch"] == [1, 2]
    assert math.isnan(columns["depth d1"][0])
    assert all(map(math.isnan, columns["note"]))
    assert accuracies(columns, "depth") == [25]
    assert accuracies(columns, "normal") == []
    assert read_columns(tmp_path / "none.csv") == {}


def test_the_gain_of_the_last_quarter():
    assert last_gain([1, 2, 3, 5]) == 2
    assert last_gain([0, 0, 0, 0, 1, 2, 4, 4]) == pytest.approx(2)
    assert last_gain([1, 5]) == 0, "there is no quarter of two evaluations"
    assert last_gain([7]) == 0
