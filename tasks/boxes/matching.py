"""Which anchors are trained for which object: adaptive training sample selection.

Zhang et al., "Bridging the Gap Between Anchor-based and Anchor-free Detection via Adaptive Training
Sample Selection" (CVPR 2020), algorithm 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.boxes.coding import paired_iou
from utils.transfer import tensor_on

# The nearest anchors of a level that an object considers: 9 cells of 3 anchors.
_CANDIDATES = 27

# A centre lies inside a box when it is further from each side than this share of the image.
_MARGIN = 0.01


def match(
    boxes: Tensor,
    image: Tensor,
    anchors: Tensor,
    levels: tuple[int, ...],
    size: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """The positive anchors of a batch of images, and the object that each is trained for.

    The candidates of an object are the 27 anchors of each level whose centres are nearest to its
    own. Positive are those with IoU of at least the mean plus the (unbiased) standard deviation of
    the candidates' IoUs, and a centre inside the box. An anchor that several objects want goes to
    the one with the highest IoU, the first of them where they are equal.

    Args:
        boxes: (N, 4) corners of the objects of all images, in pixels.
        image: (N) int64, the index of each object's image in the batch.
        anchors: (A, 4) centre and size in pixels, the same for every image.
        levels: how many of the anchors belong to each level, in order.
        size: (height, width) of the images.

    Returns:
        Two (P) int64: `place` = image index · A + anchor index, ascending, and for each the index
        of its object in `boxes`. An object may have no positive anchor at all.
    """
    if not len(boxes):
        return image.new_zeros(0), image.new_zeros(0)
    candidates = _nearest_anchors(boxes, anchors, levels)
    corners = torch.cat(
        [anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], 1
    )
    iou = paired_iou(corners[candidates], boxes[:, None])
    good = iou >= (iou.mean(dim=1) + iou.std(dim=1))[:, None]
    positive = good & _inside(anchors[candidates, :2], boxes[:, None], size)
    box, rank = positive.nonzero(as_tuple=True)
    place = image[box] * len(anchors) + candidates[box, rank]
    chosen = _best_at_each_place(place, iou[box, rank])
    return place[chosen], box[chosen]


def _nearest_anchors(boxes: Tensor, anchors: Tensor, levels: tuple[int, ...]) -> Tensor:
    """(N, K) the anchors nearest to each box, at most 27 of each level."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    nearest, start = [], 0
    for level in anchors[:, :2].split(levels):
        distance = (centres[:, :1] - level[:, 0]).square() + (centres[:, 1:] - level[:, 1]).square()
        count = min(_CANDIDATES, len(level))
        nearest.append(distance.topk(count, largest=False, sorted=False).indices + start)
        start += len(level)
    return torch.cat(nearest, dim=1)


def _inside(points: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, K) bool: whether points (N, K, 2) lie inside boxes (N, 1, 4), by the margin."""
    margin = _MARGIN * tensor_on(points.device, size[::-1], points.dtype)
    return ((points - boxes[..., :2] > margin) & (boxes[..., 2:] - points > margin)).all(dim=-1)


def _best_at_each_place(place: Tensor, iou: Tensor) -> Tensor:
    """The indices of the pairs that keep their place, by place: those with the highest IoU."""
    order = iou.argsort(descending=True, stable=True)
    order = order[place[order].argsort(stable=True)]
    place = place[order]
    first = torch.ones_like(place, dtype=torch.bool)
    first[1:] = place[1:] != place[:-1]
    return order[first]
