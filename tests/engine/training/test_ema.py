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
