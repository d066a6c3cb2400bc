import math

import pytest
import torch

import losses
from utils.errors import ConfigError


def epoch(objective, *batches):
    for batch in batches:
        present = [t for t, loss in enumerate(batch) if loss is not None]
        objective.weighting.weights(present, torch.tensor([batch[t] for t in present]))
    objective.end_epoch()


def test_the_weights_are_the_paper_s_formula():
    objective = losses.build("dwa", ["a", "b"])
    assert list(objective.weights.values()) == [1.0, 1.0]
    epoch(objective, [1.0, 4.0], [3.0, 4.0])  # means 2 and 4
    assert list(objective.weights.values()) == pytest.approx([1.0, 1.0])
    epoch(objective, [1.0, 4.0], [1.0, 2.0])  # means 1 and 3
    shares = [math.exp(rate / 2) for rate in (1 / 2, 3 / 4)]
    expected = [2 * share / sum(shares) for share in shares]
    assert list(objective.weights.values()) == pytest.approx(expected)


def test_a_task_that_falls_more_slowly_gets_more():
    objective = losses.build("dwa", ["a", "b"])
    epoch(objective, [1.0, 1.0])
    epoch(objective, [0.9, 0.2])
    assert objective.weights["a"] > objective.weights["b"]


def test_it_agrees_with_torchjd():
    scalarization = pytest.importorskip("torchjd.scalarization")
    ours, theirs = losses.build("dwa", ["a", "b", "c"]), scalarization.DWA(temperature=2.0)
    torch.manual_seed(0)
    for _ in range(4):
        batches = torch.rand(3, 3)
        for batch in batches:
            theirs(batch)
        theirs.step()
        epoch(ours, *batches.tolist())
    weights = torch.zeros(3, requires_grad=True)
    theirs(weights).backward()
    assert list(ours.weights.values()) == pytest.approx(weights.grad.tolist())


def test_absent_tasks_are_averaged_over_their_own_batches():
    objective = losses.build("dwa", ["a", "b"])
    epoch(objective, [1.0, None], [1.0, 4.0])
    epoch(objective, [1.0, 1.0], [1.0, 3.0])
    shares = [math.exp(rate / 2) for rate in (1.0, 0.5)]
    assert objective.weights["a"] == pytest.approx(2 * shares[0] / sum(shares))


def test_a_task_without_two_epochs_counts_as_one_that_does_not_change():
    objective = losses.build("dwa", ["a", "b"])
    epoch(objective, [1.0, None])
    epoch(objective, [1.0, 5.0])
    assert list(objective.weights.values()) == pytest.approx([1.0, 1.0])


def test_under_a_geometric_mean_the_weights_add_up_to_one():
    objective = losses.build("dwa-g", ["a", "b"])
    epoch(objective, [1.0, 1.0])
    epoch(objective, [0.9, 0.2])
    assert sum(objective.weights.values()) == pytest.approx(1.0)


def test_a_temperature_of_zero_is_the_users_mistake():
    with pytest.raises(ConfigError, match="temperature"):
        losses.build("dwa", ["a"], options={"temperature": 0.0})
