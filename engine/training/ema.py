"""The moving average of a network's weights."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """The exponential moving average of the weights and buffers of a network.

    The number of updates stays on the CPU: PyTorch's own update takes it to the device, and a rule
    of ours would wait for it to come back.

    Args:
        momentum: the decay, the share of the old average in the new one.
        warmup: the decay of update n is min(momentum, (1 + n) / (10 + n)), so that the random start
            is soon forgotten, and the first update copies. Without it, the decay is constant, and
            the average starts from the network as it is now.
    """

    def __init__(self, network: nn.Module, momentum: float, warmup: bool = True):
        super().__init__(network, use_buffers=True)
        self.momentum = momentum
        self.warmup = warmup

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        pairs = list(zip(_numbers(self.module), _numbers(model), strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        others = [pair for pair in pairs if not pair[0].is_floating_point()]  # numbers of batches
        decay = self._decay(int(self.n_averaged))
        if not decay:
            floats, others = [], pairs
        if floats:
            torch._foreach_lerp_(*map(list, zip(*floats, strict=True)), 1 - decay)
        if others:
            torch._foreach_copy_(*map(list, zip(*others, strict=True)))
        self.n_averaged += 1

    def _decay(self, count: int) -> float:
        """The share of the old average after `count` updates."""
        if not self.warmup:
            return self.momentum
        return min(self.momentum, (1 + count) / (10 + count)) if count else 0.0


def _numbers(network: nn.Module) -> list[Tensor]:
    return [t.detach() for t in itertools.chain(network.parameters(), network.buffers())]
