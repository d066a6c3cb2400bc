"""The moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def moving_average(network: nn.Module, momentum: float, warmup: bool = True) -> AveragedModel:
    """The exponential moving average of the weights and buffers of a network.

    Args:
        momentum: the decay, the share of the old average in the new one.
        warmup: the decay of update n is min(momentum, (1 + n) / (10 + n)), so that the random start
            is soon forgotten, and the first update copies. Without it, the decay is constant, and
            the average starts from the network as it is now.
    """

    def average(means: list[Tensor], values: list[Tensor], count: Tensor) -> None:
        if means[0].is_floating_point():
            rising = (1 + int(count)) / (10 + int(count))
            decay = min(momentum, rising) if warmup else momentum
            torch._foreach_lerp_(means, values, 1 - decay)
        else:  # BatchNorm's number of batches
            torch._foreach_copy_(means, values)

    result = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
    if not warmup:
        result.update_parameters(network)
    return result
