"""Gates: how much a task takes from each of several experts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

IMAGE_CELLS = 8
"""The side of the grid that a gate averages an image to; a feature map it averages to one cell."""


class Gate(nn.Module):
    """The softmax of a linear map of what is averaged over a grid of cells (MMoE, Ma et al., KDD
    2018, eq. 7): another mixture for each image.

    Args:
        inputs: channels of what it looks at.
        experts: their number.
        cells: the side of the grid.
    """

    def __init__(self, inputs: int, experts: int, cells: int = 1):
        super().__init__()
        self.cells = cells
        self.linear = nn.Linear(inputs * cells**2, experts)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, experts), which sum to 1."""
        cells = F.adaptive_avg_pool2d(x, self.cells)
        return self.linear(cells.flatten(1)).softmax(dim=1)


def mixed(weights: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """Σ_k w_k m_k.

    Args:
        weights: (B, n), or (n) where they are the same for all images.
        maps: n of (B, C, h, w).
    """
    weights = weights.to(maps[0].dtype)[..., None, None, None].unbind(dim=-4)
    return sum(weight * x for weight, x in zip(weights, maps, strict=True))


def mixed_levels(weights: Tensor, experts: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """The same of each of the features that every expert gives."""
    return [mixed(weights, maps) for maps in zip(*experts, strict=True)]
