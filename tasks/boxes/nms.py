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
    the boxes are clipped to what is shown of the image, those of one class that overlap a better
    one by IoU > 0.5 are dropped, and the best 200 of an image are kept. A box in the padding is no
    candidate.

    Args:
        classes: (B, C) bool, the classes that are looked for in each image; by default all.

    Returns:
        for each image (M, 7) float32: x1, y1, x2, y2 in pixels, class, 0, score (see
        `tasks.detection.Detection`).
    """
    anchors = anchors_in_pixels(prediction.anchors, prediction.size)
    logits, regions = prediction.logits.float(), _regions(prediction)
    if prediction.shown is not None:
        boxes = _clip(decode(prediction.offsets.float(), anchors), regions[:, None])
        logits = logits.masked_fill(~_visible(boxes)[..., None], -torch.inf)
    if classes is not None and not classes.all():
        logits = logits.masked_fill(~classes[:, None].to(logits.device), -torch.inf)
    count = logits.shape[2]
    logits = logits.flatten(1)
    logits, index = logits.topk(min(_CANDIDATES, logits.shape[1]))
    result = []
    rows = zip(prediction.offsets, logits.sigmoid(), index, regions, strict=True)
    for offsets, score, pair, region in rows:
        anchor = pair // count
        boxes = _clip(decode(offsets[anchor].float(), anchors[anchor]), region)
        result.append(_suppress(boxes, pair % count, score))
    return result


def _regions(prediction: BoxPrediction) -> Tensor:
    """(B, 4) x1, y1, x2, y2 of what is shown of each image, on the device of the prediction."""
    height, width = prediction.size
    whole = prediction.logits.new_tensor([[0, 0, width, height]], dtype=torch.float32)
    if prediction.shown is None:
        return whole.expand(len(prediction.logits), 4)
    return prediction.shown.to(whole)


def _clip(boxes: Tensor, region: Tensor) -> Tensor:
    return boxes.maximum(region[..., [0, 1, 0, 1]]).minimum(region[..., [2, 3, 2, 3]])


def _visible(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)


def _suppress(boxes: Tensor, category: Tensor, score: Tensor) -> Tensor:
    valid = _visible(boxes) & (score > _SCORE_THRESHOLD)
    boxes, category, score = boxes[valid], category[valid], score[valid]
    from torchvision.ops import batched_nms  # 1.5 s, which --help need not wait for

    kept = batched_nms(boxes, score, category, _NMS_THRESHOLD)[:_KEPT]
    columns = [category.to(score), torch.zeros_like(score), score]
    return torch.cat([boxes, torch.stack(columns, dim=1)], dim=1)[kept]
