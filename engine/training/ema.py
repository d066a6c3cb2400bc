"""The moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def moving_average(network: nn.Module, momentum: float) -> AveragedModel:
    """The exponential moving average of the weights and buffers of a network.

    The decay of update n is min(momentum, (1 + n) / (10 + n)), so that the random start is soon
    forgotten.
    """

    def average(means: list[Tensor], values: list[Tensor], count: Tensor) -> None:
        if means[0].is_floating_point():
            decay = min(momentum, (1 + int(count)) / (10 + int(count)))
            torch._foreach_lerp_(means, values, 1 - decay)
        else:  # BatchNorm's number of batches
            torch._foreach_copy_(means, values)

    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)
