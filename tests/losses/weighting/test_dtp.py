import math

import pytest

import losses


def test_the_weight_is_the_paper_s_formula_and_not_normalised():
    objective = losses.build("dtp", ["a", "b"])
    objective.evaluated({"a": 0.25, "b": 0.9})
    assert objective.weights["a"] == pytest.approx(-(0.75**0.5) * math.log(0.25))
    assert objective.weights["b"] == pytest.approx(-(0.1**0.5) * math.log(0.9))


@pytest.mark.parametrize("name", ["dtp", "dtp-g", "fmtl"])
def test_the_better_a_task_the_less_it_counts(name):
    objective = losses.build(name, ["a", "b", "c"])
    assert len(set(objective.weights.values())) == 1
    objective.evaluated({"a": 0.1, "b": 0.5, "c": 1.0})
    weights = objective.weights
    assert weights["a"] > weights["b"] > weights["c"] == 0.0


def test_an_accuracy_of_zero_has_a_finite_weight():
    objective = losses.build("dtp", ["a"])
    objective.evaluated({"a": 0.0})
    assert math.isfinite(objective.weights["a"])


def test_the_accuracies_are_smoothed():
    objective = losses.build("dtp", ["a"], options={"focusing_factor": 1.0})
    objective.evaluated({"a": 0.5})
    objective.evaluated({"a": 1.0})
    assert objective.weights["a"] == pytest.approx(-0.45 * math.log(0.55))
