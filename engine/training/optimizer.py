"""The optimizers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from models import Network
from utils.option import option
from utils.part import Part, Registry

REFERENCE_BATCH = 32
"""The batch size that `lr` is meant for; the rate grows in proportion to the batch size."""


class Optimizer(Part):
    """An optimizer whose groups of parameters have rates and weight decays of their own."""

    section = "training"

    lr: float = option(
        1e-3,
        "learning rate for a batch of 32 images; it is multiplied by batch_size / 32",
        aliases=("learning_rate",),
        above=0,
    )
    weight_decay: float = option(5e-4, "weight decay", at_least=0)
    tencent_trick: bool = option(False, "no weight decay on biases and 1-d weights")
    multiple_lr: float = option(1.0, "factor of the learning rate outside the backbone", above=0)

    layer_decay: float = option(
        1.0,
        "factor of the learning rate from each layer of the backbone to the one before it: from a "
        "stage, or from a block of a transformer",
        above=0,
        at_most=1,
    )

    def learning_rate(self, batch_size: int) -> float:
        """The learning rate for a batch of this size."""
        return self.lr * batch_size / REFERENCE_BATCH

    def optimizer(
        self, network: Network, batch_size: int, extra: Iterable[nn.Parameter] = ()
    ) -> torch.optim.Optimizer:
        """Builds the optimizer of a network.

        Args:
            batch_size: the number of images in a step.
            extra: parameters of new layers that are no part of the network.
        """
        rate = self.learning_rate(batch_size)
        factors = self._factors(network)
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for parameter in [*network.parameters(), *extra]:
            if not parameter.requires_grad:
                continue
            factor = factors.get(id(parameter), self.multiple_lr)
            exempt = self.tencent_trick and parameter.ndim <= 1
            decay = 0.0 if exempt else self.weight_decay
            groups.setdefault((rate * factor, decay), []).append(parameter)
        return self.of_groups(
            [
                {"params": params, "lr": lr, "weight_decay": decay}
                for (lr, decay), params in groups.items()
            ]
        )

    def _factors(self, network: Network) -> dict[int, float]:
        """The factor of the learning rate of each parameter of the backbone, by its id: layer l of
        n has layer_decay^(n − l), from l = 0 on (BEiT, Bao et al., ICLR 2022)."""
        if self.layer_decay == 1:
            return dict.fromkeys(map(id, network.backbone_parameters()), 1.0)
        layers = network.backbone.layers()
        return {
            id(parameter): self.layer_decay ** (len(layers) - index)
            for index, layer in enumerate(layers)
            for parameter in layer
        }

    @abstractmethod
    def of_groups(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Builds the optimizer of groups of parameters, each with its rate and weight decay."""


class SGD(Optimizer):
    """Stochastic gradient descent with momentum."""

    momentum: float = option(0.9, "of sgd and rmsprop", at_least=0, below=1)

    def of_groups(self, groups):
        # Not fused: PyTorch's fused SGD fails where some parameters have no gradient, as the heads
        # of tasks without a label in the batch.
        return torch.optim.SGD(groups, momentum=self.momentum)


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015)."""

    def of_groups(self, groups):
        return torch.optim.Adam(groups, fused=True)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019)."""

    def of_groups(self, groups):
        return torch.optim.AdamW(groups, fused=True)


class RMSprop(Optimizer):
    """The gradient divided by the root of the running mean of its square (Tieleman and Hinton,
    lecture 6.5 of Neural Networks for Machine Learning, 2012), with momentum."""

    momentum: float = option(0.9, "of sgd and rmsprop", at_least=0, below=1)
    square_decay: float = option(
        0.9, "share of the old mean of squares in the new one, in rmsprop", at_least=0, below=1
    )

    def of_groups(self, groups):
        return torch.optim.RMSprop(groups, alpha=self.square_decay, momentum=self.momentum)


OPTIMIZERS = Registry("optimizer", {"sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop})
"""Every optimizer by its name in a cfg."""
