"""The reported boxes against a suppression written out, and the promises about them."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from tasks.base import BoxPrediction
from tasks.boxes.coding import anchors_in_pixels, decode
from tasks.boxes.nms import detect

SIZE = (48, 64)


def random_prediction(images=2, anchors=60, classes=3, seed=0, bias=-3.0):
    rng = torch.Generator().manual_seed(seed)
    return BoxPrediction(
        logits=2 * torch.randn(images, anchors, classes, generator=rng) + bias,
        offsets=torch.randn(images, anchors, 4, generator=rng),
        anchors=torch.rand(anchors, 4, generator=rng) * 0.6 + 0.2,
        levels=(anchors,),
        size=SIZE,
    )


def reference(prediction, image):
    """Every (anchor, class) in the order of the scores, kept unless a kept one is too near."""
    boxes = decode(prediction.offsets[image], anchors_in_pixels(prediction.anchors, SIZE))
    boxes = boxes.clamp_min(0).minimum(torch.tensor([64.0, 48.0, 64.0, 48.0]))
    scores = prediction.logits[image].sigmoid()
    pairs = [(scores[a, c].item(), a, c) for a in range(scores.shape[0]) for c in range(3)]
    kept = []
    for score, anchor, category in sorted(pairs, reverse=True):
        box = boxes[anchor]
        rivals = [row for row in kept if row[4] == category]
        if score > 0.01 and all(box_iou(box[None], row[None, :4]) <= 0.5 for row in rivals):
            kept.append(torch.tensor([*box, category, 0, score]))
    return torch.stack(kept[:200])


@pytest.mark.parametrize("seed", range(4))
def test_detections_are_those_of_greedy_suppression(seed):
    prediction = random_prediction(seed=seed)
    for image, result in enumerate(detect(prediction)):
        torch.testing.assert_close(result, reference(prediction, image))


def test_boxes_of_different_classes_do_not_suppress_each_other():
    prediction = random_prediction(images=1, anchors=1, bias=2.0)
    (result,) = detect(prediction)
    assert sorted(result[:, 4].tolist()) == [0, 1, 2]


def test_the_best_200_are_kept_inside_the_image_and_best_first():
    prediction = random_prediction(anchors=3000, classes=10, bias=0.0)
    for result in detect(prediction):
        assert len(result) <= 200
        assert (result[:, :2] >= 0).all()
        assert (result[:, 2] <= 64).all()
        assert (result[:, 3] <= 48).all()
        assert (result[1:, 6] <= result[:-1, 6]).all()


def test_nothing_is_found_below_the_threshold_or_outside_the_image():
    weak = random_prediction()._replace(logits=torch.full((2, 60, 3), -4.7))
    assert [len(result) for result in detect(weak)] == [0, 0]
    outside = random_prediction()._replace(offsets=torch.full((2, 60, 4), -500.0))
    assert [len(result) for result in detect(outside)] == [0, 0]


def test_numbers_that_are_none_find_nothing():
    prediction = random_prediction()
    nan = prediction._replace(logits=torch.full_like(prediction.logits, np.nan))
    assert [len(result) for result in detect(nan)] == [0, 0]
    nan = prediction._replace(offsets=torch.full_like(prediction.offsets, np.nan))
    assert [len(result) for result in detect(nan)] == [0, 0]
