import pytest

import losses


def test_the_weights_are_the_shares_of_what_is_missing():
    objective = losses.build("fmtl", ["a", "b"], options={"focusing_factor": 2.0})
    objective.evaluated({"a": 0.25, "b": 0.9})
    total = 0.75**2 + 0.1**2
    assert list(objective.weights.values()) == pytest.approx([0.75**2 / total, 0.1**2 / total])


def test_where_nothing_is_missing_they_are_equal():
    objective = losses.build("fmtl", ["a", "b"])
    objective.evaluated({"a": 1.0, "b": 1.0})
    assert list(objective.weights.values()) == [0.5, 0.5]
