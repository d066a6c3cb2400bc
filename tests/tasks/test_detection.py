"""Detection as a task: warping, the criterion, training on it, metrics and pictures."""

import math

import numpy as np
import pytest
import torch
from torchvision.ops import complete_box_iou_loss, distance_box_iou_loss, sigmoid_focal_loss

from tasks.base import BoxHead, BoxPrediction
from tasks.boxes.coding import anchors_in_pixels, decode, paired_iou
from tasks.boxes.matching import match
from tasks.detection import Detection
from utils.geometry import Warp

SIZE = (48, 64)
CLASSES = ("chair", "sofa", "table")
STRIDES = (8, 16)


@pytest.fixture
def task():
    return Detection(CLASSES)


def grid_anchors():
    """Anchors of ratio 1, 2 and 1/2 on each cell, as shares of the image, and how many a level."""
    anchors, levels = [], []
    for stride in STRIDES:
        for y in np.arange(stride / 2, SIZE[0], stride):
            for x in np.arange(stride / 2, SIZE[1], stride):
                for ratio in (1.0, 2.0, 0.5):
                    side = 2.0 * stride
                    anchors.append([x, y, side * ratio**0.5, side / ratio**0.5])
        levels.append(len(anchors) - sum(levels))
    pixels = torch.tensor(anchors)
    return pixels / torch.tensor([SIZE[1], SIZE[0], SIZE[1], SIZE[0]]), tuple(levels)


def prediction(logits, offsets):
    anchors, levels = grid_anchors()
    return BoxPrediction(logits, offsets, anchors, levels, SIZE)


def random_prediction(images, seed=0):
    rng = torch.Generator().manual_seed(seed)
    anchors = len(grid_anchors()[0])
    logits = torch.randn(images, anchors, len(CLASSES), generator=rng) - 3
    return prediction(logits, torch.randn(images, anchors, 4, generator=rng))


def part(whole, images):
    return whole._replace(logits=whole.logits[images], offsets=whole.offsets[images])


def target(*rows):
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)


BATCH = [
    target((4, 6, 30, 40, 0, 0), (28, 10, 60, 44, 1, 0)),
    target(),
    target((0, 0, 64, 48, 2, 0)),
    target((40, 0, 64, 20, 1, 0), (2, 20, 26, 46, 1, 1)),
]
ALL = torch.ones(4, dtype=torch.bool)


def test_what_the_rest_of_the_program_asks(task):
    assert task.name == "detection"
    assert Detection(CLASSES, dataset="VOC").name == "detection:VOC"
    assert task.head == BoxHead(3)
    assert task.accuracy in task.metrics


# --- warping ---

MIRROR = Warp(np.array([[-1.0, 0, 64], [0, 1, 0]]), SIZE)


def shift(x, y):
    return Warp(np.array([[1.0, 0, x], [0, 1, y]]), SIZE)


def warped(task, box, warp):
    return task.warp(np.array([[*box, 2, 1]], dtype=np.float32), warp).tolist()


def test_warp_moves_boxes_and_keeps_their_class(task):
    assert warped(task, (10, 20, 30, 40), MIRROR) == [[34, 20, 54, 40, 2, 1]]
    resize = Warp.resize(SIZE, (24, 128))
    assert warped(task, (10, 20, 30, 40), resize) == [[20, 10, 60, 20, 2, 1]]


def test_warp_clips_boxes_and_drops_those_of_which_too_little_is_left(task):
    assert warped(task, (10, 20, 30, 40), shift(-15, 0)) == [[0, 20, 15, 40, 2, 1]]
    assert warped(task, (10, 20, 30, 40), shift(-25, 0)) == [[0, 20, 5, 40, 2, 1]]  # a quarter
    assert warped(task, (10, 20, 30, 40), shift(-26, 0)) == []
    assert warped(task, (10, 20, 30, 40), shift(0, 100)) == []
    assert warped(task, (10, 20, 13, 40), shift(-11.5, 0)) == []  # half, but 1.5 pixels wide


def test_warp_of_no_boxes(task):
    nothing = task.warp(task.unlabelled_target(SIZE), MIRROR)
    assert nothing.shape == (0, 6)
    assert nothing.dtype == np.float32


# --- the criterion ---


def reference_criterion(whole, targets, loc_weight):
    """One image after the other, from torchvision's losses."""
    anchors = anchors_in_pixels(whole.anchors, SIZE)
    total, count = 0.0, 0
    for logits, offsets, rows in zip(whole.logits, whole.offsets, targets, strict=True):
        rows = rows[rows[:, 5] == 0]
        image = torch.zeros(len(rows), dtype=torch.int64)
        place, box = match(rows[:, :4], image, anchors, whole.levels, SIZE)
        boxes, truths = decode(offsets[place], anchors[place]), rows[box, :4]
        iou = paired_iou(boxes, truths)
        complete = complete_box_iou_loss(boxes, truths)
        total += (
            loc_weight
            * torch.where(iou > 0.5, complete, distance_box_iou_loss(boxes, truths)).sum()
        )
        total += sigmoid_focal_loss(logits, torch.zeros_like(logits), 0.25, 2.0).sum()
        for row, category, t in zip(place, rows[box, 4].long(), iou, strict=True):
            logit = logits[row, category]
            p = logit.sigmoid()
            total -= sigmoid_focal_loss(logit, torch.tensor(0.0), 0.25, 2.0)
            entropy = -t * p.log() - (1 - t) * (1 - p).log()
            total += (0.25 if t > 0 else 0.75) * (t - p) ** 2 * entropy
        count += len(place)
    return total, count


@pytest.mark.parametrize("loc_weight", [10.0, 1.0])
def test_criterion_from_its_parts(loc_weight):
    whole = random_prediction(4)
    total, count = Detection(CLASSES, loc_weight=loc_weight).criterion(whole, BATCH, ALL)
    expected, positives = reference_criterion(whole, BATCH, loc_weight)
    assert positives > 20
    assert count == positives
    assert total.dtype == count.dtype == torch.float32
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_sums_and_counts_of_parts_add_up(task, cut):
    whole = random_prediction(4)
    total, count = task.criterion(whole, BATCH, ALL)
    parts = [
        task.criterion(part(whole, images), BATCH[images], ALL[images])
        for images in (slice(0, cut), slice(cut, 4))
    ]
    torch.testing.assert_close(parts[0][0] + parts[1][0], total, rtol=1e-5, atol=1e-4)
    assert parts[0][1] + parts[1][1] == count


def test_an_unlabelled_image_changes_nothing(task):
    whole = random_prediction(4)
    labelled = torch.tensor([True, True, False, True])
    wild = whole._replace(logits=whole.logits.clone(), offsets=whole.offsets.clone())
    wild.logits[2], wild.offsets[2] = math.nan, math.inf
    wild.logits.requires_grad_()
    wild.offsets.requires_grad_()
    total, count = task.criterion(wild, BATCH, labelled)
    others = [0, 1, 3]
    expected = task.criterion(part(whole, others), [BATCH[i] for i in others], ALL[others])
    torch.testing.assert_close((total, count), expected)
    total.backward()
    assert (wild.logits.grad[2] == 0).all()
    assert (wild.offsets.grad[2] == 0).all()
    assert wild.logits.grad.isfinite().all()


def test_an_image_without_objects_is_all_background(task):
    whole = random_prediction(2)
    whole.offsets.requires_grad_()
    total, count = task.criterion(whole, [target(), target()], ALL[:2])
    expected = sigmoid_focal_loss(whole.logits, torch.zeros_like(whole.logits), 0.25, 2.0).sum()
    torch.testing.assert_close(total, expected)
    assert count == 0
    total.backward()
    assert (whole.offsets.grad == 0).all()


def test_no_labelled_image(task):
    total, count = task.criterion(random_prediction(4), BATCH, ~ALL)
    assert (total, count) == (0, 0)


def test_difficult_objects_are_left_out_of_training(task):
    whole = random_prediction(1)
    easy, difficult = (4, 6, 30, 40, 0, 0), (28, 10, 60, 44, 1, 1)
    both = task.criterion(whole, [target(easy, difficult)], ALL[:1])
    torch.testing.assert_close(both, task.criterion(whole, [target(easy)], ALL[:1]))


@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_predictions_have_finite_losses_and_gradients(task, sign):
    whole = random_prediction(4)
    whole = whole._replace(logits=sign * 1e5 * whole.logits, offsets=sign * 1e5 * whole.offsets)
    whole.logits.requires_grad_()
    whole.offsets.requires_grad_()
    total, _ = task.criterion(whole, BATCH, ALL)
    total.backward()
    assert total.isfinite()
    assert whole.logits.grad.isfinite().all()
    assert whole.offsets.grad.isfinite().all()


def test_half_precision_is_computed_in_single(task):
    whole = random_prediction(4)
    half = whole._replace(logits=whole.logits.bfloat16(), offsets=whole.offsets.bfloat16())
    same = half._replace(logits=half.logits.float(), offsets=half.offsets.float())
    torch.testing.assert_close(
        task.criterion(half, BATCH, ALL), task.criterion(same, BATCH, ALL), rtol=0, atol=0
    )


def test_the_memory_layout_of_the_logits_does_not_matter(task):
    whole = random_prediction(4)
    turned = whole._replace(logits=whole.logits.transpose(1, 2).contiguous().transpose(1, 2))
    torch.testing.assert_close(
        task.criterion(turned, BATCH, ALL), task.criterion(whole, BATCH, ALL)
    )


# --- training and metrics ---


def ap(task, *batches):
    meter = task.meter()
    for batch in batches:
        meter.update(*batch)
    return meter


def test_descent_on_the_criterion_finds_every_object(task):
    anchors = len(grid_anchors()[0])
    logits = torch.full((4, anchors, len(CLASSES)), -4.6, requires_grad=True)
    offsets = torch.zeros(4, anchors, 4, requires_grad=True)
    optimizer = torch.optim.Adam([logits, offsets], lr=0.2)
    before = ap(task, (prediction(logits, offsets), BATCH, ALL)).compute().metrics
    for _ in range(80):
        total, count = task.criterion(prediction(logits, offsets), BATCH, ALL)
        optimizer.zero_grad()
        (total / count.clamp_min(1)).backward()
        optimizer.step()
    after = ap(task, (prediction(logits, offsets), BATCH, ALL)).compute().metrics
    assert before["AP50"] < 0.5
    assert after["AP50"] == 1
    assert after["mAP"] > 0.9
    assert task.selection_score(after) == pytest.approx(after["mAP"])


def test_metrics_do_not_depend_on_the_batches(task):
    whole = random_prediction(4)
    at_once = ap(task, (whole, BATCH, ALL))
    order = [2, 0, 3, 1]
    one_by_one = ap(task, *((part(whole, [i]), [BATCH[i]], ALL[:1]) for i in order))
    assert at_once.compute().metrics == pytest.approx(one_by_one.compute().metrics, abs=1e-9)
    assert at_once.compute().per_class == pytest.approx(one_by_one.compute().per_class, abs=1e-9)
    assert set(at_once.compute().metrics) == set(task.metrics)


def test_unlabelled_images_are_not_measured(task):
    whole, labelled = random_prediction(4), torch.tensor([True, False, False, False])
    some = ap(task, (whole, BATCH, labelled))
    alone = ap(task, (part(whole, [0]), BATCH[:1], ALL[:1]))
    assert some.compute().metrics == alone.compute().metrics
    assert {name for name in some.compute().per_class if "AP50" not in name} == {"chair", "sofa"}


def test_metrics_are_means_over_the_classes(task):
    meter = ap(task, (random_prediction(4), BATCH, ALL))
    classes = meter.compute().per_class
    assert set(classes) == {f"{name}{text}" for name in CLASSES for text in ("", " AP50")}
    metrics = meter.compute().metrics
    assert metrics["mAP"] == pytest.approx(np.mean([classes[name] for name in CLASSES]))
    assert metrics["AP50"] == pytest.approx(np.mean([classes[f"{n} AP50"] for n in CLASSES]))


def test_nothing_seen_nothing_there_and_nothing_found(task):
    assert all(math.isnan(value) for value in task.meter().compute().metrics.values())
    empty = ap(task, (random_prediction(1), [target()], ALL[:1]))
    assert all(math.isnan(value) for value in empty.compute().metrics.values())
    assert empty.compute().per_class == {}
    blind = random_prediction(4)
    blind = blind._replace(logits=blind.logits - 100)
    assert ap(task, (blind, BATCH, ALL)).compute().metrics == {"mAP": 0, "AP50": 0, "AP75": 0}


# --- answers and pictures ---


def test_an_answer_is_a_target_with_scores(task):
    answers = task.decode(random_prediction(3))
    assert len(answers) == 3
    for answer in answers:
        assert answer.dtype == np.float32
        assert answer.shape[1] == 7
        assert set(answer[:, 4]) <= {0, 1, 2}
        assert (answer[:, 5] == 0).all()
        assert ((answer[:, 6] > 0.01) & (answer[:, 6] <= 1)).all()


def test_a_teacher_s_objects_are_its_confident_detections(task):
    prediction = random_prediction(3)
    answers, taught = task.decode(prediction), task.pseudo_targets(prediction)
    assert sum(len(result) for result in answers) > sum(len(result) for result in taught) > 0
    for answer, target in zip(answers, taught, strict=True):
        assert target.dtype == np.float32
        assert np.array_equal(target, answer[answer[:, 6] >= 0.3][:, :6])
    total, count = task.criterion(prediction, task.collate(taught), torch.ones(3, dtype=bool))
    assert total.isfinite()
    assert count > 0


def test_a_doubtful_detection_is_left_out_unless_a_sure_one_lies_there(task):
    """Of three anchors far apart, and a fourth at the place of the first."""
    anchors, levels = grid_anchors()
    first, second, third = 0, 70, 100
    logits = torch.full((1, len(anchors), len(CLASSES)), -9.0)
    scores = {(first, 0): 0.8, (first, 1): 0.4, (second, 1): 0.4, (third, 2): 0.05}
    for (anchor, category), score in scores.items():
        logits[0, anchor, category] = math.log(score / (1 - score))
    guess = BoxPrediction(logits, torch.zeros(1, len(anchors), 4), anchors, levels, SIZE)
    [target] = task.pseudo_targets(guess, 0.6)
    assert target[:, 4].tolist() == [0, -1]
    boxes = {answer[6].round(2): answer[:4] for answer in task.decode(guess)[0]}
    np.testing.assert_array_equal(target[1, :4], boxes[np.float32(0.4)])
    assert task.pseudo_targets(guess, 0.9) == [None]


@pytest.mark.parametrize("size", [(40, 50), (120, 160), (480, 640)])
def test_draw_marks_the_objects(task, size):
    image = np.full((*size, 3), 127, np.uint8)
    box = [0.4 * size[1], 0.5 * size[0], 0.8 * size[1], 0.9 * size[0]]
    picture = task.draw(image, np.array([[*box, 1, 0]], np.float32))
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8
    changed = (picture != image).any(axis=2)
    assert changed[round(box[3]) - 1, round(box[0]) : round(box[2])].all()
    assert not changed[round(box[3]) :].any()
    assert not changed[:, round(box[2]) + 60 :].any()
    assert (image == 127).all()


def test_draw_leaves_weak_detections_and_empty_images_as_they_are(task):
    image = np.full((48, 64, 3), 127, np.uint8)
    weak, strong = [10, 20, 30, 40, 1, 0, 0.1], [10, 20, 30, 40, 1, 0, 0.8]
    assert (task.draw(image, task.confident(np.array([weak], np.float32))) == image).all()
    assert (task.draw(image, np.array([strong], np.float32)) != image).any()
    assert (task.draw(image, task.unlabelled_target((48, 64))) == image).all()


def test_names_of_boxes_in_one_place_do_not_cover_one_another():
    """The better detection has the choice, whichever the order of the boxes."""
    task = Detection(("a", "b"))
    image = np.zeros((96, 128, 3), np.uint8)
    boxes = np.array([(20, 30, 90, 80, 0, 0, 0.5), (21, 31, 91, 81, 1, 0, 0.9)], np.float32)
    best = task.draw(image, boxes[1:])
    bar = best[16:30, 21:60]  # above its box
    assert bar.any()
    np.testing.assert_array_equal(task.draw(image, boxes)[16:30, 21:60], bar)
    np.testing.assert_array_equal(task.draw(image, boxes[::-1])[16:30, 21:60], bar)
    crowd = np.repeat(boxes, 30, axis=0)
    assert task.draw(image, crowd).shape == image.shape
