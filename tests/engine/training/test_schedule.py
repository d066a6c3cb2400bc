"""Learning rates as functions of progress, and which parameters get which."""

import math

import pytest
import torch

from engine.runs.network import make_network
from tasks.base import DenseHead
from utils.errors import ConfigError

STEPS = 10


def make_schedule(config):
    """The schedule of a cfg, on an optimizer with a rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return config.training.scheduler.build(optimizer, STEPS, config.training.max_epoch)


def rates(config):
    schedule = make_schedule(config)
    return [schedule.set(step) for step in range(config.training.max_epoch * STEPS)]


def make(make_config, dense, scheduler, *options):
    text = dense.replace("scheduler = polynomial", f"scheduler = {scheduler}")
    return make_config(text, "--max_epoch", "10", *options)


def test_polynomial(make_config, dense):
    expected = [(1 - step / 100) ** 0.9 for step in range(100)]
    assert rates(make(make_config, dense, "polynomial")) == pytest.approx(expected)


def test_cosine(make_config, dense):
    expected = [(1 + math.cos(math.pi * step / 100)) / 2 for step in range(100)]
    assert rates(make(make_config, dense, "cosine")) == pytest.approx(expected)


def test_cosine_stays_above_min_lr(make_config, dense):
    result = rates(make(make_config, dense, "cosine", "--min_lr", "0.1"))
    assert min(result) == pytest.approx(0.1)
    assert max(result) == 1


def test_multistep(make_config, dense):
    result = rates(make(make_config, dense, "multistep", "--milestones", "3", "7"))
    assert result == [1.0] * 30 + [0.5] * 40 + [0.25] * 30


def test_warmup_rises_to_the_schedule(make_config, dense):
    result = rates(make(make_config, dense, "constant", "--warmup_epoch", "2"))
    assert result[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert set(result[20:]) == {1.0}


def test_plateau_lowers_the_rate_after_patience_evaluations_without_a_better_one(
    make_config, dense
):
    config = make(make_config, dense, "plateau", "--patience", "2", "--min_lr", "0.2")
    schedule = make_schedule(config)
    result = []
    for total in (0.1, 0.2, 0.2, 0.1, 0.1, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2):
        schedule.evaluated(total)
        result.append(schedule.set(50))
    assert result == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2]


def test_a_schedule_goes_on_from_its_state(make_config, dense):
    config = make(make_config, dense, "plateau", "--patience", "1")
    first = make_schedule(config)
    for total in (0.5, 0.4, 0.4, 0.4):
        first.evaluated(total)
    second = make_schedule(config)
    second.load_state_dict(first.state_dict())
    second.evaluated(0.4)
    first.evaluated(0.4)
    assert second.set(9) == first.set(9) == 0.25


def test_the_rate_is_for_a_batch_of_32(make_config, dense):
    config = make_config(dense, "--lr", "0.32", "--batch_size", "8")
    optimizer = config.training.optimizer.build()
    assert optimizer.learning_rate(config.loading.batch_size) == pytest.approx(0.08)
    assert optimizer.lr == 0.32, "the cfg keeps the value as given"


def test_multistep_needs_milestones(make_config, dense):
    with pytest.raises(ConfigError, match=r"tiny\.cfg:18: multistep needs milestones"):
        make(make_config, dense, "multistep")


def test_groups_by_rate_and_decay(make_config, dense):
    config = make_config(
        dense, "--tencent_trick", "--multiple_lr", "10", "--weight_decay", "0.1", "--lr", "0.04"
    )
    network = make_network(config, {"depth": DenseHead(1)})
    optimizer = config.training.optimizer.build().optimizer(network, 4)
    backbone = set(network.backbone_parameters())
    seen = set()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == pytest.approx(0.005 if parameter in backbone else 0.05)
            assert group["weight_decay"] == (0.0 if parameter.ndim == 1 else 0.1)
            seen.add(parameter)
    assert seen == set(network.parameters())
