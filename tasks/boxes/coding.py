"""Boxes and anchors: SSD's coding of the one relative to the other, and the overlap of pairs.

A box is (x1, y1, x2, y2) in pixels on edges: an image of width W spans 0 to W. An anchor is
(centre x, centre y, width, height), in pixels too unless something else is said.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# SSD's "variances": an offset of 1 moves the centre by a tenth of the anchor's size, and scales the
# size by exp(0.2).
_CENTRE_VARIANCE = 0.1
_SIZE_VARIANCE = 0.2

# A box is at most this many times larger or smaller than its anchor, so that exp stays finite and
# a size never becomes 0. It is the bound that Faster R-CNN uses: 1000 pixels from an anchor of 16.
_MAX_SCALE = 1000 / 16


def anchors_in_pixels(anchors: Tensor, size: tuple[int, int]) -> Tensor:
    """Anchors (A, 4) given as shares of an image of `size` (height, width), in its pixels."""
    height, width = size
    x, y, wide, high = anchors.float().unbind(dim=-1)
    return torch.stack([x * width, y * height, wide * width, high * height], dim=-1)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """The boxes that `offsets` (…, 4) mean relative to `anchors` (…, 4), as corners (…, 4).

    centre = anchor centre + 0.1 · offset · anchor size, size = anchor size · exp(0.2 · offset)
    (Liu et al., SSD, ECCV 2016, eq. 2, with the variances of its code).
    """
    limit = math.log(_MAX_SCALE)
    centre = anchors[..., :2] + _CENTRE_VARIANCE * offsets[..., :2] * anchors[..., 2:]
    growth = (_SIZE_VARIANCE * offsets[..., 2:]).clamp(-limit, limit)
    half = anchors[..., 2:] * growth.exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes (…, 4) and boxes (…, 4), pair by pair: (…) in [0, 1].

    The two are broadcast against each other. A pair without area has IoU 0.
    """
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    intersection = (high - low).clamp_min(0).prod(dim=-1)
    areas = (first[..., 2:] - first[..., :2]).prod(-1) + (second[..., 2:] - second[..., :2]).prod(
        -1
    )
    return intersection / (areas - intersection).clamp_min(torch.finfo(first.dtype).tiny)
