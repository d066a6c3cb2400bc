"""The cost of a network, found without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from engine.runs.network import make_network
from models import Network
from tasks import Task

if TYPE_CHECKING:
    from engine.config import Config


@dataclass(frozen=True)
class Cost:
    """Trainable parameters, and multiply-adds for one image in units of 10⁹."""

    parameters: int
    gmacs: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.gmacs + other.gmacs)


@dataclass(frozen=True)
class NetworkCost:
    """What each part of a network costs. All tasks share the backbone and the neck."""

    backbone: Cost
    neck: Cost
    heads: dict[str, Cost]

    @property
    def shared(self) -> Cost:
        return self.backbone + self.neck

    @property
    def total(self) -> Cost:
        return sum(self.heads.values(), self.shared)


def network_cost(config: Config, tasks: Sequence[Task]) -> Cost:
    """The cost of the cfg's network for these tasks; takes no memory and little time."""
    return cost_of_parts(config, tasks).total


def cost_of_parts(config: Config, tasks: Sequence[Task]) -> NetworkCost:
    """The same by part."""
    heads = {task.name: task.head for task in tasks}
    with torch.device("meta"):
        network = make_network(config, heads, pretrained=False).eval()
    return cost_of(network, config.data.size)


def cost_of(network: Network, size: tuple[int, int]) -> NetworkCost:
    """The cost of a network on the device `meta`, in evaluation mode, for images of `size` (height,
    width): PyTorch's own count of the multiply-adds of convolutions and matrices."""
    from torch.utils.flop_counter import FlopCounterMode

    image = torch.empty(1, 3, *size, device="meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(image)
    flops = {name: sum(kinds.values()) for name, kinds in counter.get_flop_counts().items()}
    root = type(network).__name__
    backbone = _within(f"{root}.backbone", flops)
    heads = {task: _within(f"{root}.heads.{task}", flops) for task in network.heads}
    # A task may run layers of the neck between its own ones: the rest is the neck's.
    neck = counter.get_total_flops() - backbone - sum(heads.values())
    return NetworkCost(
        backbone=_cost(network.backbone, backbone),
        neck=_cost(network.neck, neck),
        heads={task: _cost(head, heads[task]) for task, head in network.heads.items()},
    )


def _cost(module: nn.Module, flops: int) -> Cost:
    return Cost(sum(p.numel() for p in module.parameters() if p.requires_grad), flops / 2e9)


def _within(name: str, counts: Mapping[str, int]) -> int:
    """The count of a module; of one that is not called itself, the sum of those within it."""
    if name in counts:
        return counts[name]
    within = [inner for inner in counts if inner.startswith(f"{name}.")]
    outermost = [
        inner for inner in within if not any(inner.startswith(f"{other}.") for other in within)
    ]
    return sum(counts[inner] for inner in outermost)
