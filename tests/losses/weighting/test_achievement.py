import math

import pytest
import torch

import losses
from utils.errors import ConfigError

TASKS = ["segmentation:VOC", "depth", "normal"]
POTENTIAL = {"segmentation:VOC": 0.5, "depth": 0.8, "normal": 0.4}


def build(**options):
    return losses.build("amtl-a", TASKS, POTENTIAL, options)


def weight_after(accuracy, potential=0.5, **options):
    """The weight of a task beside one that has reached nothing, as a share of that one's."""
    objective = losses.build(
        "amtl-a", ["a", "b"], {"a": potential, "b": 1.0}, {"normalize": "none", **options}
    )
    objective.evaluated({"a": accuracy, "b": 0.0})
    return objective.weights["a"]


def test_before_any_evaluation_the_weights_are_equal():
    for normalize in ("softmax", "sum", "none"):
        assert set(build(normalize=normalize).weights.values()) == {1 / 3}


def test_the_weight_is_the_paper_s_formula():
    assert weight_after(0.3, margin=0.0, focusing_factor=3.0) == pytest.approx((1 - 0.6) ** 3)
    assert weight_after(0.3) == pytest.approx((1 - 0.3 / (0.5 * 1.05)) ** 2)


def test_the_weight_falls_with_the_accuracy_and_never_below_zero():
    weights = [weight_after(accuracy / 100) for accuracy in range(101)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == 1.0
    assert min(weights) == weights[-1] == 0.0


@pytest.mark.parametrize("normalize", ["softmax", "sum"])
def test_normalised_weights_add_up_to_one(normalize):
    objective = build(normalize=normalize)
    objective.evaluated({"segmentation:VOC": 0.1, "depth": 0.7, "normal": 0.2})
    weights = objective.weights
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["segmentation:VOC"] > weights["normal"] > weights["depth"]


def test_softmax_is_that_of_the_paper_s_weights():
    objective = build()
    accuracy = {"segmentation:VOC": 0.1, "depth": 0.7, "normal": 0.2}
    objective.evaluated(accuracy)
    raw = torch.tensor([(1 - accuracy[t] / (POTENTIAL[t] * 1.05)) ** 2 for t in TASKS])
    assert list(objective.weights.values()) == pytest.approx(raw.softmax(0).tolist())


@pytest.mark.parametrize("normalize", ["softmax", "sum"])
def test_the_weights_are_equal_where_every_task_has_reached_its_potential(normalize):
    objective = build(normalize=normalize)
    objective.evaluated(dict.fromkeys(TASKS, 1.0))
    assert list(objective.weights.values()) == pytest.approx([1 / 3] * 3)


def test_the_first_accuracy_counts_as_it_is_and_later_ones_by_a_tenth():
    objective = losses.build("amtl-a", ["a"], {"a": 1.0}, {"normalize": "none", "margin": 0.0})
    objective.evaluated({"a": 0.5})
    assert objective.weights["a"] == pytest.approx(0.25)
    objective.evaluated({"a": 0.7})
    assert objective.weights["a"] == pytest.approx((1 - (0.1 * 0.7 + 0.9 * 0.5)) ** 2)


def test_an_accuracy_that_was_not_measured_leaves_the_old_one():
    objective = build(normalize="none")
    objective.evaluated({"segmentation:VOC": 0.1, "depth": 0.7, "normal": 0.2})
    before = objective.weights
    objective.evaluated({"segmentation:VOC": math.nan, "depth": math.nan, "normal": 0.2})
    assert objective.weights == pytest.approx(before)


def test_a_task_that_was_never_measured_gets_the_mean_of_the_others():
    objective = build(normalize="none")
    objective.evaluated({"segmentation:VOC": math.nan, "depth": 0.7, "normal": 0.2})
    weights = objective.weights
    assert weights["segmentation:VOC"] == pytest.approx((weights["depth"] + weights["normal"]) / 2)
    objective.evaluated(dict.fromkeys(TASKS, math.nan))
    assert objective.weights == weights


@pytest.mark.parametrize("potential", [0.0, math.nan])
def test_a_baseline_that_learnt_nothing_gives_its_task_the_mean_of_the_others(potential):
    objective = losses.build("amtl", ["a", "b"], {"a": potential, "b": 0.5})
    objective.evaluated({"a": 0.3, "b": 0.3})
    assert objective.weights == pytest.approx({"a": 0.5, "b": 0.5})


@pytest.mark.parametrize("potential", [None, {"depth": 0.5}, {"a": 57.29}, {"a": -0.1}])
def test_a_potential_that_is_missing_or_no_accuracy_is_the_users_mistake(potential):
    with pytest.raises(ConfigError, match="potential"):
        losses.build("amtl", ["a"], potential)


def test_a_single_task_keeps_its_whole_weight():
    objective = losses.build("amtl", ["a"], {"a": 0.5})
    assert objective.weights == {"a": 1.0}
    objective.evaluated({"a": 0.4})
    assert objective.weights == pytest.approx({"a": 1.0})
