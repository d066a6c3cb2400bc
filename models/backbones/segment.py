"""A part of a backbone between two of its features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.recomputation import recomputed


class Segment(nn.Module):
    """A part of a backbone between two of its features.

    Args:
        stages: run one after another.
    """

    def __init__(self, stages: nn.Sequential):
        super().__init__()
        self.stages = stages
        self.is_recomputed = False

    @property
    def channels(self) -> int:
        """The channels of what it gives."""
        return output_channels(self.stages)

    def split(self) -> tuple[Segment, Segment] | None:
        """The part without its last block, and that block; None where there is no such block that
        keeps the size of the map."""
        *before, last = _blocks(self.stages)
        if not before or has_stride(last):
            return None
        return Segment(nn.Sequential(*before)), Segment(nn.Sequential(last))

    def recompute(self) -> None:
        self.is_recomputed = True

    def forward(self, x: Tensor) -> Tensor:
        if self.is_recomputed and torch.is_grad_enabled():
            return recomputed(self.stages, x)
        return self.stages(x)


def _blocks(stages: nn.Module) -> list[nn.Module]:
    """The blocks of stages that may be sequences of them."""
    if type(stages) is not nn.Sequential:
        return [stages]
    return [block for stage in stages for block in _blocks(stage)]


def has_stride(stage: nn.Module) -> bool:
    """Whether a stage halves its input."""
    return any(getattr(layer, "stride", 1) in (2, (2, 2)) for layer in stage.modules())


def output_channels(stages: nn.Module) -> int:
    """The channels of the last BatchNorm, which ends the stages of all these networks."""
    return [m.num_features for m in stages.modules() if isinstance(m, nn.BatchNorm2d)][-1]
