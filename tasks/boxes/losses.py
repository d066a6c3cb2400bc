"""The two losses of the detector: focal for the classes, complete IoU for the boxes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tasks.boxes.coding import paired_iou

_ALPHA = 0.25
_GAMMA = 2

# Keeps divisions finite where two boxes are equal, or where rounding leaves one without a height.
_EPSILON = 1e-7


def iou_aware_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """α |t − p|^γ · BCE(p, t) for each class of each anchor.

    The sigmoid focal loss (Lin et al., ICCV 2017, eq. 5) with a soft target: t is the IoU of an
    anchor's predicted box with its object for the object's class, and 0 elsewhere. γ is 2, α is
    0.25 where t > 0 and 0.75 where t = 0. With t in {0, 1} it is the focal loss itself.

    Args:
        logits: before the sigmoid.
        targets: of the same shape, in [0, 1], without a gradient.

    Returns:
        the losses, of the same shape.
    """
    weight = torch.where(targets > 0, _ALPHA, 1 - _ALPHA)
    distance = (targets - logits.sigmoid()).abs()
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return weight * distance**_GAMMA * entropy


def complete_iou_loss(boxes: Tensor, truths: Tensor) -> Tensor:
    """1 − IoU + ρ²/c² + αv of each box with its truth (Zheng et al., "Enhancing Geometric Factors",
    IEEE Trans. Cybernetics 2021, eq. 8 to 11).

    ρ is the distance of the centres, c the diagonal of the smallest box around both, v compares
    their aspect ratios. The aspect ratio counts only where IoU > 0.5, and no gradient passes
    through its weight α.

    Args:
        boxes: (N, 4) predicted corners.
        truths: (N, 4) the corners they should have.

    Returns:
        (N) losses, from 0 to less than 3.
    """
    iou = paired_iou(boxes, truths)
    span = torch.maximum(boxes[:, 2:], truths[:, 2:]) - torch.minimum(boxes[:, :2], truths[:, :2])
    apart = (boxes[:, :2] + boxes[:, 2:] - truths[:, :2] - truths[:, 2:]) / 2
    distance = apart.square().sum(dim=1) / span.square().sum(dim=1)
    aspect = 4 / math.pi**2 * (_angle(boxes) - _angle(truths)).square()
    with torch.no_grad():
        alpha = aspect / (1 - iou + aspect).clamp_min(_EPSILON)
        alpha = torch.where(iou > 0.5, alpha, 0.0)
    return 1 - iou + distance + alpha * aspect


def _angle(boxes: Tensor) -> Tensor:
    """The angle whose tangent is the aspect ratio width / height."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(dim=1)
    return torch.atan(width / height.clamp_min(_EPSILON))
