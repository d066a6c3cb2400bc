"""The focal and the complete IoU loss against torchvision's, and written out where they differ."""

import numpy as np
import torch
from torchvision.ops import (
    box_convert,
    complete_box_iou_loss,
    distance_box_iou_loss,
    sigmoid_focal_loss,
)

from tasks.boxes.coding import paired_iou
from tasks.boxes.losses import complete_iou_loss, iou_aware_focal_loss


def near_boxes(count, spread):
    """Boxes and others near them, the further the larger the spread."""
    truths = torch.rand(count, 4) * 60 + torch.tensor([0.0, 0.0, 10.0, 10.0])
    boxes = truths + spread * torch.randn(count, 4) * truths[:, 2:].repeat(1, 2)
    boxes[:, 2:] = boxes[:, 2:].clamp_min(1)
    return box_convert(boxes, "cxcywh", "xyxy"), box_convert(truths, "cxcywh", "xyxy")


def with_gradient(loss, value, *others):
    value = value.clone().requires_grad_()
    result = loss(value, *others)
    (gradient,) = torch.autograd.grad(result.sum(), value)
    return result.detach(), gradient


def test_focal_loss_with_hard_targets_is_torchvisions():
    torch.manual_seed(0)
    logits, targets = 4 * torch.randn(200, 7), (torch.rand(200, 7) < 0.3).float()
    ours = with_gradient(iou_aware_focal_loss, logits, targets)
    theirs = with_gradient(lambda x: sigmoid_focal_loss(x, targets, 0.25, 2.0), logits)
    torch.testing.assert_close(ours, theirs)


def test_focal_loss_with_soft_targets():
    rng = np.random.default_rng(0)
    x, t = rng.normal(0, 3, 500), rng.uniform(0, 1, 500)
    t[:200] = 0
    p = 1 / (1 + np.exp(-x))
    entropy = -t * np.log(p) - (1 - t) * np.log(1 - p)
    expected = np.where(t > 0, 0.25, 0.75) * np.abs(t - p) ** 2 * entropy
    ours = iou_aware_focal_loss(torch.tensor(x).float(), torch.tensor(t).float())
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-7)


def test_focal_loss_is_lowest_where_the_probability_is_the_iou():
    target = torch.tensor([0.7])
    logits = torch.linspace(-4, 4, 801)[:, None]
    best = iou_aware_focal_loss(logits, target.expand(801, 1)).argmin()
    assert abs(logits[best].sigmoid() - target) < 0.01


def test_focal_loss_of_extreme_logits_is_finite():
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4])
    loss, gradient = with_gradient(iou_aware_focal_loss, logits, torch.tensor([0.0, 0.0, 0.5, 1.0]))
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


def test_complete_iou_loss_of_good_boxes_is_torchvisions():
    torch.manual_seed(1)
    boxes, truths = near_boxes(1000, 0.1)
    good = paired_iou(boxes, truths) > 0.5
    assert good.sum() > 300
    ours = with_gradient(complete_iou_loss, boxes[good], truths[good])
    theirs = with_gradient(complete_box_iou_loss, boxes[good], truths[good])
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_complete_iou_loss_of_poor_boxes_leaves_the_aspect_ratio_out():
    torch.manual_seed(2)
    boxes, truths = near_boxes(1000, 0.6)
    poor = paired_iou(boxes, truths) <= 0.5
    assert poor.sum() > 300
    ours = with_gradient(complete_iou_loss, boxes[poor], truths[poor])
    theirs = with_gradient(distance_box_iou_loss, boxes[poor], truths[poor])
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_complete_iou_loss_of_equal_boxes_is_zero():
    _, truths = near_boxes(200, 0.0)
    loss, gradient = with_gradient(complete_iou_loss, truths, truths)
    torch.testing.assert_close(loss, torch.zeros(200), rtol=0, atol=1e-6)
    assert gradient.isfinite().all()


def test_complete_iou_loss_of_extreme_boxes_is_finite():
    truths = torch.tensor([[0.0, 0.0, 20.0, 20.0]]).expand(4, 4)
    boxes = torch.tensor(
        [
            [1e9, 1e9, 1e9, 1e9],  # so far out that rounding takes its area
            [-1e6, -1e6, 1e6, 1e6],
            [5.0, 5.0, 5.001, 1e6],
            [10.0, 10.0, 10.0, 10.0],
        ]
    )
    loss, gradient = with_gradient(complete_iou_loss, boxes, truths)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


def test_no_boxes_have_no_loss():
    empty = torch.zeros(0, 4)
    assert complete_iou_loss(empty, empty).shape == (0,)
