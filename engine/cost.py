"""What a network costs, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

import models
from tasks.base import BoxHead, DenseHead
from utils.config import Config
from utils.errors import ConfigError


@dataclass(frozen=True)
class Cost:
    """Trainable parameters, and multiply-adds for one image in units of 10⁹."""

    parameters: int
    gmacs: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.gmacs + other.gmacs)


def make_network(
    config: Config, heads: Mapping[str, DenseHead | BoxHead], pretrained: str
) -> models.Network:
    """The cfg's network with these heads.

    Args:
        pretrained: 'true', 'false' or a path, as the option of this name.

    Raises:
        ConfigError: the cfg's architecture, backbone and size do not go together.
    """
    try:
        return models.build(
            config.arch,
            config.backbone,
            dict(heads),
            size=tuple(config.size),
            pretrained={"true": True, "false": False}.get(pretrained, pretrained),
            neck=config.neck,
            channels=config.channels,
            output_stride=config.output_stride,
            skip_connection=config.skip_connection,
            shared_head=config.shared_head,
        )
    except ConfigError as reason:
        raise config.error("arch", str(reason)) from None


def cost(config: Config, heads: Mapping[str, DenseHead | BoxHead]) -> Cost:
    """The cost of the cfg's network; takes no memory and no time to speak of."""
    with torch.device("meta"):
        network = make_network(config, heads, pretrained="false").eval()
        image = torch.empty(1, 3, *config.size)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(image)
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return Cost(parameters, counter.get_total_flops() / 2 / 1e9)
