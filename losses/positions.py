"""Rules that give each task's gradient a factor at each position of the feature maps, which all
images of a batch share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from utils.precision import at_least_float32, exact_type


def signed_sums(
    features: Sequence[Tensor], at_features: Sequence[Sequence[Tensor | None]]
) -> Tensor:
    """(T, n) the sums over the images of sign(activation) · gradient, at the n positions of all
    maps one after another, float32 or float64.

    Args:
        features: the maps (B, …).
        at_features: of each of T tasks the gradients at the maps; None: zeros.
    """
    return torch.stack(
        [
            torch.cat([_signed_sum(*pair) for pair in zip(features, row, strict=True)])
            for row in at_features
        ]
    )


def _signed_sum(feature: Tensor, gradient: Tensor | None) -> Tensor:
    if gradient is None:
        return feature.new_zeros(feature.shape[1:].numel(), dtype=exact_type(feature))
    return (at_least_float32(gradient) * feature.detach().sign()).sum(dim=0).flatten()


def weighted_at_positions(
    features: Sequence[Tensor], at_features: Sequence[Sequence[Tensor | None]], factors: Tensor
) -> list[Tensor]:
    """The update Σ_t factor_t · g_t at each map, of the type of the map.

    Args:
        features, at_features: those of :func:`signed_sums`.
        factors: (T, n) at the positions.
    """
    sizes = [feature.shape[1:].numel() for feature in features]
    updates = []
    for k, (feature, at_map) in enumerate(zip(features, factors.split(sizes, dim=1), strict=True)):
        total = torch.zeros_like(feature, dtype=at_map.dtype)
        for row, factor in zip(at_features, at_map, strict=True):
            if row[k] is not None:
                total += row[k] * factor.view(feature.shape[1:])
        updates.append(total.to(feature.dtype))
    return updates
