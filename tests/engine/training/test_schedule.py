"""Learning rates as functions of progress."""

import math
import random

import pytest
import torch

from engine.training.length import Length
from engine.training.schedule import SCHEDULES
from utils.errors import ConfigError

STEPS, EPOCHS = 10, 10


def make_schedule(name, length=Length(STEPS, STEPS, EPOCHS * STEPS), **values):  # noqa: B008
    """A schedule without warm-up, unless the values say otherwise, of groups with rates 1 and 3."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 3.0)]
    optimizer = torch.optim.SGD(groups)
    return SCHEDULES.choose(name, {"warmup_epoch": 0.0, **values}).build(optimizer, length)


def rates(name, **values):
    schedule = make_schedule(name, **values)
    return [schedule.set(step) for step in range(EPOCHS * STEPS)]


def test_constant():
    assert set(rates("constant")) == {1.0}


@pytest.mark.parametrize("name", ["polynomial", "poly"])
def test_polynomial(name):
    assert rates(name) == pytest.approx([(1 - step / 100) ** 0.9 for step in range(100)])


def test_cosine():
    expected = [(1 + math.cos(math.pi * step / 100)) / 2 for step in range(100)]
    assert rates("cosine") == pytest.approx(expected)


def test_cosine_stays_above_min_lr():
    result = rates("cosine", min_lr=0.1)
    assert min(result) == pytest.approx(0.1)
    assert max(result) == 1


def test_multistep():
    result = rates("multistep", milestones=(3, 7))
    assert result == [1.0] * 30 + [0.5] * 40 + [0.25] * 30


def test_multistep_needs_milestones(make_config, dense):
    with pytest.raises(ConfigError, match=r"tiny\.cfg:18: multistep needs milestones"):
        make_config(dense.replace("scheduler = polynomial", "scheduler = multistep"))


@pytest.mark.parametrize("name", SCHEDULES)
def test_only_plateau_and_cosine_have_a_lowest_rate(name):
    assert ("min_lr" in SCHEDULES[name].options) == (name in ("plateau", "cosine"))


@pytest.mark.parametrize("name", SCHEDULES)
def test_warmup_rises_to_the_schedule(name):
    values = {"milestones": (9,)} if name == "multistep" else {}
    warm, cold = (rates(name, warmup_epoch=epochs, **values) for epochs in (2.0, 0.0))
    assert warm[:20] == pytest.approx([(k + 1) / 20 * rate for k, rate in enumerate(cold[:20])])
    assert warm[20:] == cold[20:]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warmup_from_step_0_begins_with_a_rate_of_0(name):
    values = {"milestones": (9,)} if name == "multistep" else {}
    warm = rates(name, warmup_epoch=2.0, warmup_start=0, **values)
    cold = rates(name, warmup_epoch=0.0, warmup_start=0, **values)
    assert warm[:20] == pytest.approx([k / 20 * rate for k, rate in enumerate(cold[:20])])
    assert warm[20:] == cold[20:]
    assert cold[0] == 1, "without a warm-up the first rate is the whole one"


def test_warmup_is_below_min_lr():
    result = rates("cosine", warmup_epoch=1.0, min_lr=0.5)
    assert result[0] == pytest.approx(0.1)
    assert min(result[10:]) == 0.5


def test_all_groups_keep_their_ratio():
    schedule = make_schedule("polynomial")
    schedule.set(40)
    first, second = (group["lr"] for group in schedule.optimizer.param_groups)
    assert second == pytest.approx(3 * first)


def test_plateau_lowers_the_rate_after_patience_evaluations_without_a_better_one():
    schedule, result = make_schedule("plateau", patience=2, min_lr=0.2), []
    for score in (0.1, 0.2, 0.2, 0.1, 0.1, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2):
        schedule.evaluated(score)
        result.append(schedule.set(50))
    assert result == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2]


def test_plateau_may_want_more_than_any_gain():
    """A score counts where it is above (1 + threshold) times the best; the best stays meanwhile."""
    schedule, result = make_schedule("plateau", patience=0, threshold=0.1), []
    for score in (0.5, 0.54, 0.56, 0.6, 0.62):
        schedule.evaluated(score)
        result.append(schedule.set(50))
    assert result == [1, 0.5, 0.5, 0.25, 0.25]


def test_plateau_is_that_of_pytorch():
    """With a threshold and a lowest rate, over random scores: as torch's own, which the official
    code uses."""
    draw = random.Random(0)
    schedule = make_schedule("plateau", patience=1, threshold=1e-2, min_lr=0.02, factor=0.3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", patience=1, threshold=1e-2, min_lr=0.02, factor=0.3
    )
    seen = set()
    for epoch in range(60):
        score = 0.5 + 0.002 * epoch + 0.02 * draw.random()
        schedule.evaluated(score)
        theirs.step(score)
        seen.add(round(optimizer.param_groups[0]["lr"], 6))
        assert schedule.set(50) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert len(seen) > 2
    assert min(seen) == 0.02


def test_a_schedule_goes_on_from_its_state():
    first, second = (make_schedule("plateau", patience=1) for _ in range(2))
    for score in (0.5, 0.4, 0.4, 0.4):
        first.evaluated(score)
    second.load_state_dict(first.state_dict())
    second.evaluated(0.4)
    first.evaluated(0.4)
    assert second.set(9) == first.set(9) == 0.25


ITERATIONS = Length(epoch=STEPS, period=40, total=100, in_iterations=True)


def test_milestones_count_iterations_where_the_cfg_does():
    schedule = make_schedule("multistep", ITERATIONS, milestones=(25, 90))
    result = [schedule.set(step) for step in range(100)]
    assert result == [1.0] * 25 + [0.5] * 65 + [0.25] * 10


def test_iterations_fall_to_0_by_the_step_and_warm_up_in_epochs_of_the_data():
    schedule = make_schedule("polynomial", ITERATIONS, warmup_epoch=0.5, test_after_warmup=True)
    result = [schedule.set(step) for step in range(101)]
    expected = [min(1, (k + 1) / 5) * (1 - k / 100) ** 0.9 for k in range(101)]
    assert result == pytest.approx(expected)
    assert [schedule.allows_evaluation(step) for step in (4, 5)] == [False, True]
