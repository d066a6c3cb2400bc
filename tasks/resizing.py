"""Predictions by pixel, brought from the size of the network's input to that of an image."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def resized(prediction: Tensor, shown: Sequence[int], size: tuple[int, int]) -> Tensor:
    """(B, C, height, width): what predictions say of their images, bilinearly resized.

    Args:
        prediction: (B, C, h, w), of images with their padding.
        shown: x1, y1, x2, y2: the pixels, on edges, that show the images.
        size: (height, width) of the images.
    """
    x1, y1, x2, y2 = map(int, shown)
    part = prediction[..., y1:y2, x1:x2]
    if part.shape[-2:] == tuple(size):
        return part
    return F.interpolate(part, tuple(size), mode="bilinear", align_corners=False)
