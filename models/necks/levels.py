"""Going from level to level of a pyramid."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def finer(x: Tensor, like: Tensor) -> Tensor:
    """A level at the size of a finer one, by its nearest cells."""
    return F.interpolate(x, like.shape[-2:], mode="nearest")


def coarser(x: Tensor) -> Tensor:
    """A level at half its size, rounded up: 3×3 max-pooling of stride 2."""
    return F.max_pool2d(x, 3, stride=2, padding=1)


def top_down(maps: list[Tensor]) -> list[Tensor]:
    """Adds the sum of all coarser levels to each level, from the top down."""
    merged = [maps[-1]]
    for x in reversed(maps[:-1]):
        merged.insert(0, x + finer(merged[0], like=x))
    return merged
