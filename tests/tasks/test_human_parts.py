"""Human parts: what differs from segmentation."""

import numpy as np
import pytest
import torch

from tasks import TASKS
from tasks.human_parts import HumanParts
from tasks.segmentation import Segmentation

CLASSES = ("background", "head", "torso", "upper arm", "lower arm", "upper leg", "lower leg")


@pytest.fixture
def task():
    return HumanParts(CLASSES)


@pytest.mark.parametrize(
    ("pixels", "usable"),
    [([0, 0], False), ([255, 255], False), ([0, 255], False), ([0, 1], True), ([255, 6], True)],
)
def test_an_image_without_a_part_is_ignored_whole(task, pixels, usable):
    assert task.usable(np.array([pixels], np.uint8)) is usable
    assert Segmentation(CLASSES).usable(np.array([pixels], np.uint8)) == (pixels != [255, 255])


def test_without_a_background_every_class_is_a_part():
    assert HumanParts(CLASSES[1:]).usable(np.zeros((1, 2), np.uint8))


def test_loss_and_metrics_are_those_of_segmentation(task):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 7, 6, 8, generator=draw)
    target = torch.randint(0, 7, (2, 6, 8), generator=draw, dtype=torch.uint8)
    target[:, :2] = 255
    labelled = torch.tensor([True, True])
    other = Segmentation(CLASSES)
    assert task.criterion(logits, target, labelled) == other.criterion(logits, target, labelled)
    meters = [each.meter() for each in (task, other)]
    for meter in meters:
        meter.update(logits, target, labelled)
    assert meters[0].compute() == meters[1].compute()
    assert set(meters[0].compute().per_class) == set(CLASSES), "the background's IoU counts"


def test_the_names_of_segmentation_stay_its_own():
    assert TASKS.canonical("seg") == "segmentation"
    assert TASKS.canonical("parts") == TASKS.canonical("human-parts") == "human_parts"
    assert "label_smoothing" not in HumanParts.options
