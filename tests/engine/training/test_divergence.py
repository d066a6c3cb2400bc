"""The first loss that is not a number: who, when, and what is done to the gradients."""

import math

import pytest
import torch
from torch import nn

from engine.training.divergence import Divergence, clear_gradients
from tests.running import CPU

TASKS = ["segmentation", "depth", "normal"]


@pytest.fixture
def network():
    return nn.Linear(2, 2)


def observe(*steps):
    divergence = Divergence(TASKS, CPU)
    for number, losses in enumerate(steps, 1):
        values = {name: torch.tensor(v, requires_grad=True) for name, v in losses.items()}
        divergence.observe(values, number)
    return divergence


def test_numbers_are_no_divergence(network):
    divergence = observe({"segmentation": 1.0, "normal": 1e30}, {"depth": 0.0})
    assert divergence.reason(network) is None
    assert not divergence.suppress_update(network.parameters())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_step_and_its_task_are_kept(network, bad):
    good = {"segmentation": 1.0, "normal": 1.0}
    divergence = observe(good, good | {"normal": bad}, {"depth": bad}, good)
    assert divergence.reason(network) == "the loss of normal was not a number in step 2"
    assert divergence.suppress_update(network.parameters()), "though the last step was good"


def test_weights_may_diverge_under_losses_that_are_numbers(network):
    with torch.no_grad():
        network.bias[1] = math.inf
    assert observe({"depth": 1.0}).reason(network) == "the weights are no longer numbers"


@pytest.mark.parametrize("diverged", [False, True])
def test_gradients_are_cleared_where_the_device_says_so(diverged):
    gradient = [1.0, math.nan, -math.inf]
    parameters = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))]
    parameters[0].grad = torch.tensor(gradient)
    clear_gradients(parameters, torch.tensor(diverged))
    expected = torch.zeros(3) if diverged else torch.tensor(gradient)
    torch.testing.assert_close(parameters[0].grad, expected, equal_nan=True)
    assert parameters[1].grad is None
