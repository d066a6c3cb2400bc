"""From what a box head gives to the boxes that are reported."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.base import BoxPrediction
from tasks.boxes.coding import anchors_in_pixels, decode

_SCORE_THRESHOLD = 0.01
_NMS_THRESHOLD = 0.5
_KEPT = 200

# Only the best of an image enter the suppression. An untrained detector gives half a million scores
# above the threshold, whose suppression would take longer than the network.
_CANDIDATES = 1000


@torch.no_grad()
def detect(prediction: BoxPrediction, classes: Tensor | None = None) -> list[Tensor]:
    """The boxes found in each image of a batch, best first.

    Every (anchor, class) pair with a score above 0.01 is a candidate, the best 1000 of an image;
    the boxes are clipped to the image, those of one class that overlap a better one by IoU > 0.5
    are dropped, and the best 200 of an image are kept.

    Args:
        classes: (B, C) bool, the classes that are looked for in each image; by default all.

    Returns:
        for each image (M, 7) float32: x1, y1, x2, y2 in pixels, class, 0, score (see
        `tasks.detection.Detection`).
    """
    anchors = anchors_in_pixels(prediction.anchors, prediction.size)
    logits = prediction.logits.float()
    count = logits.shape[2]
    if classes is not None and not classes.all():
        logits = logits.masked_fill(~classes[:, None].to(logits.device), -torch.inf)
    logits = logits.flatten(1)
    logits, index = logits.topk(min(_CANDIDATES, logits.shape[1]))
    result = []
    for offsets, score, pair in zip(prediction.offsets, logits.sigmoid(), index, strict=True):
        anchor = pair // count
        boxes = _clip(decode(offsets[anchor].float(), anchors[anchor]), prediction.size)
        result.append(_suppress(boxes, pair % count, score))
    return result


def _clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    return boxes.clamp_min(0).minimum(boxes.new_tensor([width, height, width, height]))


def _suppress(boxes: Tensor, category: Tensor, score: Tensor) -> Tensor:
    visible = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    valid = visible & (score > _SCORE_THRESHOLD)
    boxes, category, score = boxes[valid], category[valid], score[valid]
    from torchvision.ops import batched_nms  # 1.5 s, which --help need not wait for

    kept = batched_nms(boxes, score, category, _NMS_THRESHOLD)[:_KEPT]
    columns = [category.to(score), torch.zeros_like(score), score]
    return torch.cat([boxes, torch.stack(columns, dim=1)], dim=1)[kept]
