"""The optimiser, and its learning rate as a function of progress."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from models import Network
from utils.config import Config

REFERENCE_BATCH = 32
"""The batch that a cfg's learning rate is meant for; other batches scale it linearly."""


def learning_rate(config: Config) -> float:
    """The rate of a cfg scaled by its batch size."""
    return config.lr * config.batch_size / REFERENCE_BATCH


def make_optimizer(
    config: Config, network: Network, beside: Iterable[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Groups the parameters by rate (`multiple_lr` for all but the backbone) and by decay (none on
    biases and 1-d weights where `tencent_trick` asks).

    Args:
        beside: parameters of new layers that are no part of the network.
    """
    rate = learning_rate(config)
    backbone = {id(p) for p in network.backbone_parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in [*network.parameters(), *beside]:
        factor = 1.0 if id(parameter) in backbone else config.multiple_lr
        bare = config.tencent_trick and parameter.ndim <= 1
        decay = 0.0 if bare else config.weight_decay
        groups.setdefault((rate * factor, decay), []).append(parameter)
    options = [
        {"params": params, "lr": lr, "weight_decay": decay}
        for (lr, decay), params in groups.items()
    ]
    if config.optimizer == "sgd":
        # Not fused: PyTorch's fused SGD fails where some parameters have no gradient, as the heads
        # of tasks without a label in the batch.
        return torch.optim.SGD(options, momentum=config.momentum)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
    return kind(options, fused=True)


class Schedule:
    """Sets the learning rate before each step: warm-up × the shape of the schedule × what a
    plateau has made of it.

    Args:
        steps: the number of steps in an epoch.
    """

    def __init__(self, config: Config, optimizer: torch.optim.Optimizer, steps: int):
        self.config = config
        self.optimizer = optimizer
        self.steps = steps
        self.base = [group["lr"] for group in optimizer.param_groups]
        self.reduction = 1.0
        self.best = -math.inf
        self.waited = 0

    def set(self, step: int) -> float:
        """Sets the rates for a step, counted from the run's start; returns the first group's."""
        factor = self._warmup(step) * self._shape(step) * self.reduction
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            floor = min(base, self.config.min_lr) if self._warmup(step) == 1 else 0.0
            group["lr"] = max(base * factor, floor)
        return self.optimizer.param_groups[0]["lr"]

    def evaluated(self, total: float) -> None:
        """Told the total metric of an evaluation, the plateau schedule lowers the rate after
        `patience` evaluations without a better one."""
        if total > self.best:
            self.best, self.waited = total, 0
            return
        self.waited += 1
        if self.config.scheduler == "plateau" and self.waited > self.config.patience:
            self.reduction *= self.config.factor
            self.waited = 0

    def state_dict(self) -> dict[str, float]:
        return {"reduction": self.reduction, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.reduction, self.best, self.waited = (
            state[key] for key in ("reduction", "best", "waited")
        )

    def _warmup(self, step: int) -> float:
        length = self.config.warmup_epoch * self.steps
        return min(1.0, (step + 1) / length) if length else 1.0

    def _shape(self, step: int) -> float:
        progress = min(1.0, step / (self.config.max_epoch * self.steps))
        if self.config.scheduler == "polynomial":
            return (1 - progress) ** 0.9
        if self.config.scheduler == "cosine":
            return (1 + math.cos(math.pi * progress)) / 2
        if self.config.scheduler == "multistep":
            passed = sum(step >= epoch * self.steps for epoch in self.config.milestones)
            return self.config.factor**passed
        return 1.0
