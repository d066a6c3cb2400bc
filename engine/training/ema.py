"""The moving average of a network's weights."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """The exponential moving average of the weights and buffers of a network.

    The decay of update n is min(momentum, (1 + n) / (10 + n)), so that the random start is soon
    forgotten; the first update copies. The number of updates stays on the CPU: PyTorch's own update
    takes it to the device, and a rule of ours would wait for it to come back.
    """

    def __init__(self, network: nn.Module, momentum: float):
        super().__init__(network, use_buffers=True)
        self.momentum = momentum

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        count = int(self.n_averaged)
        decay = min(self.momentum, (1 + count) / (10 + count)) if count else 0.0
        pairs = list(zip(_numbers(self.module), _numbers(model), strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        others = [pair for pair in pairs if not pair[0].is_floating_point()]  # numbers of batches
        if not decay:
            floats, others = [], pairs
        if floats:
            torch._foreach_lerp_(*map(list, zip(*floats, strict=True)), 1 - decay)
        if others:
            torch._foreach_copy_(*map(list, zip(*others, strict=True)))
        self.n_averaged += 1


def _numbers(network: nn.Module) -> list[Tensor]:
    return [t.detach() for t in itertools.chain(network.parameters(), network.buffers())]
