"""Average precision of boxes, by PASCAL VOC's definition (from 2010 on).

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge" (IJCV 2010), section 4.2, and
its development kit: each detection is compared with the ground truth of its class and image that it
overlaps most. Where their IoU reaches the threshold, the first such detection in the order of the
scores is right and the others are wrong; a detection of a difficult object counts neither way. AP
is the area under the precision envelope.

COCO's definition differs in that a detection may fall back on a less overlapping ground truth when
the best is taken, that a difficult (there: ignored) object excuses one detection only, in that the
area is a mean over 101 recalls, and that at most 100 detections an image count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tasks.class_maps import LEFT_OUT

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def area(precision: np.ndarray, recall: np.ndarray) -> float:
    """The area under a step function that has `precision` up to each `recall`."""
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def average_precision(
    detections: list[np.ndarray],
    truths: list[np.ndarray],
    classes: int,
    summary: Callable[[np.ndarray, np.ndarray], float] = area,
) -> np.ndarray:
    """AP of each class at each of `IOU_THRESHOLDS`.

    Args:
        detections: for each image (M, 7): x1, y1, x2, y2, class, unused, score.
        truths: for each image (N, 6): x1, y1, x2, y2, class, difficult. A detection that overlaps
            an object of class `LEFT_OUT` by as much, and none of its own class, counts neither way.
        classes: how many there are.
        summary: makes one number of a class's precision envelope and recall, which are those after
            each of its detections, best score first.

    Returns:
        (classes, thresholds) float64 in [0, 1]; NaN for a class without a ground truth that is not
        difficult.
    """
    result = np.full((classes, len(IOU_THRESHOLDS)), np.nan)
    if not truths:
        return result
    best, overlap = _best_truths(detections, truths)
    left_out = _overlap_with_left_out(detections, truths)
    values, truth = np.concatenate(detections), np.concatenate(truths)
    difficult = truth[:, 5] > 0
    order = np.argsort(-values[:, 6], kind="stable")
    for index in range(classes):
        objects = np.count_nonzero((truth[:, 4] == index) & ~difficult)
        if not objects:
            continue
        ranked = order[values[order, 4] == index]
        for column, threshold in enumerate(IOU_THRESHOLDS):
            judged = ranked[(overlap[ranked] >= threshold) | (left_out[ranked] < threshold)]
            right = _judge(best[judged], overlap[judged] >= threshold, difficult)
            result[index, column] = summary(*_precision_recall(right, objects))
    return result


def _best_truths(
    detections: list[np.ndarray], truths: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The ground truth of its own class that each detection overlaps most.

    Returns:
        its index among the truths of all images and the IoU with it, of the detections of all
        images; index and IoU are -1 where the image has none of that class.
    """
    best, overlap, start = [], [], 0
    for values, truth in zip(detections, truths, strict=True):
        if len(truth):
            iou = np.where(values[:, None, 4] == truth[:, 4], _iou(values, truth), -1.0)
            choice = iou.argmax(axis=1)
            highest = iou[np.arange(len(values)), choice]
            best.append(np.where(highest < 0, -1, choice + start))
            overlap.append(highest)
        else:
            best.append(np.full(len(values), -1))
            overlap.append(np.full(len(values), -1.0))
        start += len(truth)
    return np.concatenate(best), np.concatenate(overlap)


def _overlap_with_left_out(detections: list[np.ndarray], truths: list[np.ndarray]) -> np.ndarray:
    """The highest IoU of each detection of all images with an object that is left out; -1 where its
    image has none."""
    overlaps = []
    for values, truth in zip(detections, truths, strict=True):
        iou = _iou(values, truth[truth[:, 4] == LEFT_OUT])
        overlaps.append(iou.max(axis=1, initial=-1.0))
    return np.concatenate(overlaps)


def _judge(best: np.ndarray, matched: np.ndarray, difficult: np.ndarray) -> np.ndarray:
    """Whether each detection is right, best score first; those that do not count are left out.

    Args:
        best: (M) int, the ground truth that each detection overlaps most.
        matched: (M) bool, whether it does so enough; never where `best` is -1.
        difficult: bool, of every ground truth.
    """
    excused = matched & difficult[best]
    claims = np.flatnonzero(matched & ~excused)
    _, first = np.unique(best[claims], return_index=True)
    right = np.zeros(len(best), dtype=bool)
    right[claims[first]] = True
    return right[~excused]


def _precision_recall(right: np.ndarray, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """The precision envelope and the recall after each detection, best score first.

    The envelope at a recall is the highest precision at that recall or a higher one.
    """
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1], hits / objects


def _iou(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(M, N) the IoU of each detection with each ground truth."""
    boxes, truth = boxes[:, None, :4].astype(np.float64), truth[:, :4].astype(np.float64)
    sides = np.minimum(boxes[..., 2:], truth[..., 2:]) - np.maximum(boxes[..., :2], truth[..., :2])
    intersection = sides.clip(min=0).prod(axis=-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (truth[..., 2:] - truth[..., :2]).prod(-1)
    return intersection / (areas - intersection)
