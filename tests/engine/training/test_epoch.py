"""The records of the steps of an epoch."""

import math

import pytest
import torch

from engine.training.epoch import EpochSteps


def collect(*losses, statistics=()):
    steps = EpochSteps(["depth", "normal"])
    steps.begin(3)
    for number, values in enumerate(losses, 5):
        values = {name: torch.tensor(value) for name, value in values.items()}
        known = {"condition": 2.0} if number in statistics else None
        steps.add(number, 0.1 * number, values, images=4, statistics=known)
    return steps


def test_a_step_has_its_losses_by_task():
    steps = collect({"depth": 1.0, "normal": 2.0}, {"depth": 3.0, "normal": 4.0})
    rows, _ = steps.take_rows()
    row = steps.summary({"depth": 0.25, "normal": 0.75})
    assert rows == [
        {"epoch": 3, "step": 5, "lr": 0.5, "loss depth": 1.0, "loss normal": 2.0},
        {"epoch": 3, "step": 6, "lr": pytest.approx(0.6), "loss depth": 3.0, "loss normal": 4.0},
    ]
    assert (row["epoch"], row["lr"]) == (3, pytest.approx(0.6))
    assert (row["loss depth"], row["loss normal"]) == (2.0, 3.0)
    assert (row["weight depth"], row["weight normal"]) == (0.25, 0.75)
    assert row["images_per_second"] * row["seconds"] == pytest.approx(8)


def test_a_task_that_was_not_active_has_no_loss_and_no_part_in_the_mean():
    steps = collect({"depth": 1.0}, {}, {"depth": 3.0})
    rows, _ = steps.take_rows()
    row = steps.summary({})
    assert [r["loss depth"] for r in rows] == [1.0, pytest.approx(math.nan, nan_ok=True), 3.0]
    assert all(math.isnan(r["loss normal"]) for r in rows)
    assert row["loss depth"] == 2.0
    assert math.isnan(row["loss normal"])


def test_only_diagnosed_steps_have_gradient_statistics():
    steps = collect({"depth": 1.0}, {"depth": 1.0}, {"depth": 1.0}, statistics=(5, 7))
    assert steps.take_rows()[1] == [
        {"epoch": 3, "step": 5, "condition": 2.0},
        {"epoch": 3, "step": 7, "condition": 2.0},
    ]


def test_an_epoch_goes_on_from_its_state_and_has_the_means_of_the_whole():
    losses = [{"depth": 0.1 * k, "normal": 3.0 / (k + 1)} for k in range(7)]
    whole = collect(*losses)
    whole.take_rows()
    first = collect(*losses[:3])
    rows, _ = first.take_rows()
    first.batches = 3
    resumed = EpochSteps(["depth", "normal"])
    resumed.load_state_dict(first.state_dict())
    assert (resumed.epoch, resumed.batches) == (3, 3)
    for number, values in enumerate(losses[3:], 8):
        resumed.add(number, 0.1 * number, {n: torch.tensor(v) for n, v in values.items()}, 4)
    later, _ = resumed.take_rows()
    assert [row["step"] for row in rows + later] == list(range(5, 12))
    ours, theirs = resumed.summary({}), whole.summary({})
    for row in (ours, theirs):
        assert row.pop("seconds") * row.pop("images_per_second") == pytest.approx(28)
    assert ours == theirs
