"""Segmentation: masks, cross entropy and mIoU against definitions written out."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score

from tasks.base import DenseHead
from tasks.detection import Detection
from tasks.palette import palette
from tasks.segmentation import VOID, Segmentation
from utils.geometry import Warp

CLASSES = ("wall", "floor", "bed", "chair", "lamp")
ALL = torch.ones(4, dtype=torch.bool)


@pytest.fixture
def task():
    return Segmentation(CLASSES)


def random_batch(seed=0, void=0.2, images=4):
    """Logits (B, 5, H, W) and targets (B, H, W) with some void."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, len(CLASSES), 6, 8, generator=rng) * 2
    target = torch.randint(len(CLASSES), (images, 6, 8), generator=rng, dtype=torch.uint8)
    target[torch.rand(target.shape, generator=rng) < void] = VOID
    return logits, target


def test_names_and_head(task):
    assert task.name == "segmentation"
    assert Segmentation(CLASSES, "VOC").name == "segmentation:VOC"
    assert task.head == DenseHead(5)


class TestTargets:
    def test_absent_is_void(self, task):
        absent = task.unlabelled_target((3, 4))
        assert absent.dtype == np.uint8
        assert absent.shape == (3, 4)
        assert (absent == VOID).all()

    def test_warp_keeps_classes_and_pads_with_void(self, task):
        mask = np.random.default_rng(0).integers(0, 5, (20, 30)).astype(np.uint8)
        pad = Warp(np.array([[1.0, 0, 5], [0, 1, 5]]), (30, 40), zoom=0.75)
        moved = task.warp(mask, pad)
        np.testing.assert_array_equal(moved[5:25, 5:35], mask)
        moved[5:25, 5:35] = VOID
        assert (moved == VOID).all()

    def test_collate_stacks(self, task):
        batched = task.collate([task.unlabelled_target((3, 4)), np.zeros((3, 4), np.uint8)])
        assert batched.shape == (2, 3, 4)
        assert batched.dtype == torch.uint8


class TestCriterion:
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_is_the_smoothed_cross_entropy_over_pixels_that_are_not_void(self, smoothing):
        task = Segmentation(CLASSES, label_smoothing=smoothing)
        logits, target = random_batch()
        total, count = task.criterion(logits, target, ALL)
        valid = target != VOID
        log_p = logits.double().log_softmax(1).permute(0, 2, 3, 1)[valid]
        wanted = F.one_hot(target[valid].long(), 5) * (1 - smoothing) + smoothing / 5
        assert count == valid.sum()
        assert total.item() == pytest.approx(-(wanted * log_p).sum().item(), rel=1e-5)
        reference = F.cross_entropy(
            logits, target.long(), ignore_index=VOID, label_smoothing=smoothing
        )
        torch.testing.assert_close(total / count, reference)

    def test_parts_of_a_batch_add_up(self, task):
        logits, target = random_batch()
        labelled = torch.tensor([True, False, True, True])
        whole = task.criterion(logits, target, labelled)
        parts = [
            task.criterion(logits[p], target[p], labelled[p])
            for p in (slice(0, 1), slice(1, 2), slice(2, 4))
        ]
        for value, pieces in zip(whole, zip(*parts, strict=True), strict=True):
            torch.testing.assert_close(sum(pieces), value)

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_nothing_to_learn_from_is_zero_without_nan(self, smoothing):
        task = Segmentation(CLASSES, label_smoothing=smoothing)
        logits, target = random_batch()
        logits.requires_grad_()
        for labelled, truth in ((~ALL, target), (ALL, torch.full_like(target, VOID))):
            total, count = task.criterion(logits, truth, labelled)
            assert total == 0
            assert count == 0
            (gradient,) = torch.autograd.grad(total, logits)
            assert (gradient == 0).all()

    def test_half_precision_logits_are_summed_in_float32(self, task):
        logits, target = random_batch()
        total, count = task.criterion(logits.bfloat16(), target, ALL)
        assert total.dtype == count.dtype == torch.float32
        torch.testing.assert_close(total, task.criterion(logits.bfloat16().float(), target, ALL)[0])


def reference_ious(prediction, target):
    """By class: intersection over union where the truth has the class, of pixels that are not
    void."""
    guess, truth = prediction.argmax(1).numpy(), target.numpy()
    guess, truth = guess[truth != VOID], truth[truth != VOID]
    return {
        name: ((guess == i) & (truth == i)).sum() / ((guess == i) | (truth == i)).sum()
        for i, name in enumerate(CLASSES)
        if (truth == i).any()
    }


class TestMeter:
    def test_mean_iou_over_the_classes_that_occur(self, task):
        logits, target = random_batch(seed=1)
        target[target == 2] = VOID  # a class that is predicted but does not occur
        meter = task.meter()
        meter.update(logits, target, ALL)
        expected = reference_ious(logits, target)
        assert set(expected) == {"wall", "floor", "chair", "lamp"}
        assert meter.compute().per_class == pytest.approx(expected)
        assert meter.compute().metrics["mIoU"] == pytest.approx(np.mean(list(expected.values())))

    @pytest.mark.parametrize("seed", range(3))
    def test_pixel_accuracy_is_the_share_of_the_pixels_that_are_right(self, task, seed):
        logits, target = random_batch(seed)
        meter = task.meter()
        meter.update(logits, target, ALL)
        guess, truth, valid = logits.argmax(1), target, target != VOID
        expected = accuracy_score(truth[valid], guess[valid])
        assert meter.compute().metrics["pixel_acc"] == pytest.approx(expected)

    def test_the_classes_own_predictions_where_they_do_not_occur_count_against_others(self, task):
        target = torch.zeros(1, 2, 2, dtype=torch.uint8)
        logits = F.one_hot(torch.tensor([[[0, 0], [2, 2]]]), 5).permute(0, 3, 1, 2).float()
        meter = task.meter()
        meter.update(logits, target, ALL[:1])
        assert meter.compute().metrics["mIoU"] == 0.5

    @pytest.mark.parametrize("cuts", [[1, 1, 1, 1], [3, 1], [2, 2]])
    def test_batches_in_any_split_and_order(self, task, cuts):
        logits, target = random_batch(seed=2)
        whole, parts = task.meter(), task.meter()
        whole.update(logits, target, ALL)
        pieces = list(zip(logits.split(cuts), target.split(cuts), strict=True))
        for piece in reversed(pieces):
            parts.update(*piece, torch.ones(len(piece[0]), dtype=torch.bool))
        assert parts.compute().metrics == whole.compute().metrics

    def test_unlabelled_images_do_not_count(self, task):
        logits, target = random_batch(seed=3, void=0)
        labelled = torch.tensor([True, False, False, True])
        some, only = task.meter(), task.meter()
        some.update(logits, target, labelled)
        only.update(logits[labelled], target[labelled], ALL[:2])
        assert some.compute().metrics == only.compute().metrics

    def test_nothing_seen_is_nan(self, task):
        meter = task.meter()
        assert all(map(math.isnan, meter.compute().metrics.values()))
        logits, target = random_batch()
        meter.update(logits, torch.full_like(target, VOID), ALL)
        meter.update(logits, target, ~ALL)
        assert all(map(math.isnan, meter.compute().metrics.values()))
        assert meter.compute().per_class == {}

    def test_names_are_those_of_the_task(self, task):
        assert set(task.meter().compute().metrics) == set(task.metrics)
        assert {task.accuracy, *task.selection} <= set(task.metrics)


def test_constant_is_the_commonest_class(task):
    targets = [np.array([[0, 3, 3], [255, 255, 255]], np.uint8), np.array([[3, 1]], np.uint8)]
    np.testing.assert_array_equal(task.constant(targets), [0, 0, 0, 1, 0])


def test_constant_has_the_best_pixel_accuracy_of_all(task):
    _, target = random_batch(seed=4)
    best = task.constant(list(target.numpy())).argmax()
    shares = [(target == i).sum() for i in range(5)]
    assert shares[best] == max(shares)


def test_total(task):
    assert task.selection_score({"mIoU": 0.4, "pixel_acc": 0.9}) == pytest.approx(0.4)
    assert task.selection_score({"mIoU": 0.0}) == 0
    assert math.isnan(task.selection_score({"mIoU": float("nan")}))


def test_answer_is_stored_as_targets_are(task):
    logits, _ = random_batch()
    answers = task.decode(logits)
    assert len(answers) == 4
    for answer, each in zip(answers, logits, strict=True):
        assert answer.dtype == np.uint8
        np.testing.assert_array_equal(answer, each.argmax(0))


def test_drawing_shows_each_class_in_its_colour_over_the_image(task):
    image = np.full((2, 3, 3), 200, np.uint8)
    target = np.array([[0, 1, 1], [4, 255, 0]], np.uint8)
    picture = task.draw(image, target)
    assert picture.dtype == np.uint8
    assert picture.shape == image.shape
    assert (picture[0, 0] == picture[1, 2]).all()
    colours = {tuple(picture[0, 0]), tuple(picture[0, 1]), tuple(picture[1, 0])}
    assert len(colours) == 3
    assert (picture[1, 1] < 100).all()  # void is dark
    assert (image == 200).all()


def test_palette_has_a_colour_for_each_class_and_black():
    colours = palette(40)
    assert colours.shape == (41, 3)
    assert len(np.unique(colours, axis=0)) == 41
    assert (colours[40] == 0).all()


def test_background_is_not_painted_and_not_in_the_legend():
    task = Segmentation(("background", "bolt"))
    image = np.full((2, 2, 3), 90, np.uint8)
    target = np.array([[0, 1], [0, 255]], np.uint8)
    picture = task.draw(image, target)
    assert (picture[:, 0] == 90).all()
    assert (picture[0, 1] != 90).any()
    assert [name for name, _ in task.legend(target).entries] == ["bolt"]
    assert task.legend(np.zeros((2, 2), np.uint8)) is None


def test_a_class_has_the_colour_of_its_boxes():
    classes = ("bolt", "nut", "hex key")
    masks = Segmentation(("background", *classes)).legend(np.array([[1, 2, 3]], np.uint8))
    boxes = np.array([(0, 0, 9, 9, number, 0) for number in range(3)], np.float32)
    assert masks == Detection(classes).legend(boxes)
