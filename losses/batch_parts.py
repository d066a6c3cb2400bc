"""Gradients of independent parts of one batch, from the gradients at its features.

A rule that compares several batches gets parts of one: image i is in part i mod K. What a part adds
to the gradient of a loss comes of the loss's gradients at the part's own features, the others set
to zero. Times K it is an estimate of the whole gradient that is right on average, also where only
some images have labels. It needs no other forward pass; BatchNorm's statistics are those of the
whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from losses.whole_rows import Place
from utils.transfer import tensor_on

PARTS = 3


def of_part(
    gradients: Sequence[Sequence[Tensor | None]], part: int, place: Place | None
) -> list[list[Tensor | None]]:
    """The gradients at the features for a part of the batch alone, times the number of parts.

    Args:
        gradients: of each of T tasks the gradients at the maps (B, …); None: zeros.
        part: from 0 to `PARTS` - 1.
        place: which images of the batch the maps are of; None: all of them.
    """
    return [
        [None if g is None else g * _flags(g, part, place) for g in at_maps]
        for at_maps in gradients
    ]


def _flags(gradient: Tensor, part: int, place: Place | None) -> Tensor:
    """(B, 1, …) `PARTS` for the images of the part, and 0 for the others."""
    images = range(len(gradient)) if place is None else place.images
    flags = [float(PARTS) if image % PARTS == part else 0.0 for image in images]
    flags = tensor_on(gradient.device, flags, gradient.dtype)
    return flags.view(-1, *[1] * (gradient.dim() - 1))
