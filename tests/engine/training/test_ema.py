"""The moving average of the weights."""

import pytest
import torch
from torch import nn

from engine.training.ema import MovingAverage


def test_the_average_forgets_the_start_and_then_has_its_momentum():
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    average, expected = MovingAverage(network, 0.5), None
    for count in range(8):
        with torch.no_grad():
            network[0].weight.fill_(count)
            network[1].running_mean.fill_(2 * count)
            network[1].num_batches_tracked.fill_(count)
        average.update_parameters(network)
        decay = min(0.5, (1 + count) / (10 + count))
        expected = count if expected is None else decay * expected + (1 - decay) * count
        if count:  # the first update copies
            assert average.module[0].weight.item() == pytest.approx(expected)
            assert average.module[1].running_mean.item() == pytest.approx(2 * expected)
    assert average.module[1].num_batches_tracked.item() == 7


def test_a_constant_average_starts_from_the_network_as_it_was():
    """Every update has the same decay, the first one too."""
    network = nn.Linear(1, 1)
    nn.init.constant_(network.weight, 8.0)
    average, expected = MovingAverage(network, 0.75, warmup=False), 8.0
    for value in (4.0, -1.0, 3.0):
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        expected = 0.75 * expected + 0.25 * value
        assert average.module.weight.item() == pytest.approx(expected)
