"""Object detection: the boxes of the objects in an image, and their classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tasks.base import (
    CONFIDENT,
    BoxHead,
    BoxPrediction,
    Measurement,
    Meter,
    Task,
    select_labelled,
)
from tasks.boxes.average_precision import average_precision
from tasks.boxes.coding import anchors_in_pixels, decode, paired_iou
from tasks.boxes.drawing import Labels, draw_frame
from tasks.boxes.losses import complete_iou_loss, iou_aware_focal_loss
from tasks.boxes.matching import match
from tasks.boxes.nms import detect
from tasks.boxes.statistics import ObjectCounts
from tasks.class_maps import LEFT_OUT, UNLABELLED, labelled_classes, labels_all
from tasks.legend import Swatches, class_swatches
from tasks.palette import palette
from tasks.statistics import LabelStatistics
from utils.canvas import without_padding
from utils.geometry import Warp
from utils.option import option
from utils.precision import at_least_float32
from utils.transfer import tensor_on

# A warped box is kept when at least this share of it lies in the output, and both its sides are at
# least this long, in pixels. What is left of a smaller one does not show what it is.
_VISIBLE = 0.25
_SHORTEST_SIDE = 2.0

_SHORTEST_AT_SIZE = 0.1
"""Of a box at the size of its image, in pixels: a smaller one is lost when it is written."""

_SAME_PLACE = 0.5  # IoU of detections of which one stands for both

# Where IoU 0.50 and 0.75 stand among the thresholds of AP.
_AT_50, _AT_75 = 0, 5


class Detection(Task):
    """Boxes of the objects of each class.

    Target: (N, 6) float32, one row an object: x1, y1, x2, y2 in pixels on edges (an image of width
    W spans 0 to W), class number (see `tasks.class_maps`), and 1 where the object is difficult,
    else 0. Difficult objects are left out of training and ignored in evaluation. An image that is
    not labelled, or shows no object, has (0, 6). A batch is a list of such tensors.

    Prediction: a `BoxPrediction`. Answer: (M, 7), the columns of a target (none is difficult), and
    as the seventh the score in [0, 1]; best first.
    """

    task_type = "detection"
    aliases = ("det",)
    label_type = "boxes"
    has_classes = True
    accuracy = "mAP"
    metrics = {"mAP": 1, "AP50": 1, "AP75": 1}
    selection = ("mAP",)
    loss_name = "IoU-aware focal loss, and complete IoU of the boxes"
    has_confidence = True

    loc_weight: float = option(10.0, "factor of the box loss in detection", at_least=0)

    @property
    def head(self) -> BoxHead:
        return BoxHead(len(self.classes))

    def remap_classes(self, target: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        """The objects in the task's numbers, without those whose class counts as not labelled."""
        remapped = target.copy()
        remapped[:, 4] = np.array(numbers, np.float32)[target[:, 4].astype(int)]
        return remapped[remapped[:, 4] != UNLABELLED]

    def unlabelled_target(self, size: tuple[int, int]) -> np.ndarray:
        return np.zeros((0, 6), dtype=np.float32)

    def warp(self, target: np.ndarray, warp: Warp) -> np.ndarray:
        """The boxes in the output, clipped to it. Dropped is a box of which less than a quarter is
        visible, or with a side under 2 pixels."""
        height, width = warp.size
        moved = warp.boxes(target[:, :4])
        clipped = np.clip(moved, 0, [width, height, width, height])
        sides = clipped[:, 2:] - clipped[:, :2]
        visible = sides.prod(axis=1) >= _VISIBLE * (moved[:, 2:] - moved[:, :2]).prod(axis=1)
        kept = visible & (sides >= _SHORTEST_SIDE).all(axis=1)
        return np.concatenate([clipped, target[:, 4:]], axis=1)[kept].astype(np.float32)

    def usable(self, target: np.ndarray) -> bool:
        """Always: an image without objects teaches what the background looks like."""
        return True

    def collate(self, targets: list[np.ndarray]) -> list[Tensor]:
        """The targets of a batch, one (N, 6) tensor an image."""
        return [torch.from_numpy(target) for target in targets]

    def criterion(
        self,
        prediction: BoxPrediction,
        target: list[Tensor],
        labelled: Tensor,
        class_map: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The IoU-aware focal loss of the classes at each anchor, plus `loc_weight` times the
        complete IoU loss of the positive anchors. The count is the number of positive anchors.

        The class loss is of the classes that the image's dataset labels, or holds in a coarse
        class. At the anchors of an object of a coarse class it is of the other classes alone, and
        an object that is left out takes its anchors out of the class loss."""
        prediction, target = _labelled(prediction, target, labelled)
        logits = at_least_float32(prediction.logits)
        offsets = at_least_float32(prediction.offsets)
        anchors = anchors_in_pixels(prediction.anchors, prediction.size)
        boxes, category, image = _objects(target, logits.device)
        place, box = match(boxes, image, anchors, prediction.levels, prediction.size)
        learnt = category[box] != LEFT_OUT

        result = decode(offsets.flatten(0, 1)[place], anchors[place % len(anchors)])
        box_loss = torch.where(learnt, complete_iou_loss(result, boxes[box]), 0.0).sum()

        overlap = paired_iou(result, boxes[box]).detach()
        wanted = _wanted(logits, place, category[box], overlap)
        class_losses = iou_aware_focal_loss(logits.flatten(0, 1), wanted)
        known = None if class_map is None else class_map[labelled]
        if known is not None and not labels_all(known):
            known = known.to(logits.device, non_blocking=True)
            class_losses = class_losses * _counted(known, len(anchors), place, category[box])
        # Taken away again: to sort the anchors out would wait for the device.
        left_out = torch.where(learnt[:, None], 0.0, class_losses[place]).sum()
        total = class_losses.sum() - left_out + self.loc_weight * box_loss
        return total, learnt.sum().to(logits)

    def meter(self) -> Meter:
        return _BoxMeter(self.classes)

    def label_statistics(self) -> LabelStatistics:
        return ObjectCounts(self.classes)

    def within(self, prediction: BoxPrediction, shown: Tensor) -> BoxPrediction:
        """The prediction of boxes that are clipped to what is shown of their image; those beside it
        are dropped."""
        height, width = prediction.size
        has_padding = (shown != torch.tensor([0, 0, width, height])).any()
        return prediction._replace(shown=shown if has_padding else None)

    def decode(self, prediction: BoxPrediction) -> list[np.ndarray]:
        return [result.cpu().numpy() for result in detect(prediction)]

    def decode_at(self, prediction, shown, sizes):
        result = []
        decoded = self.decode(self.within(prediction, shown))
        for boxes, part, size in zip(decoded, shown.tolist(), sizes, strict=True):
            corners = without_padding(part, size).boxes(boxes[:, :4])
            corners = corners.clip(0, [size[1], size[0]] * 2).astype(np.float32)
            kept = (corners[:, 2:] - corners[:, :2] >= _SHORTEST_AT_SIZE).all(axis=1)
            result.append(np.concatenate([corners, boxes[:, 4:]], axis=1)[kept])
        return result

    def confident(self, decoded, threshold=CONFIDENT):
        return decoded[decoded[:, 6] >= threshold]

    def pseudo_targets(
        self, prediction: BoxPrediction, threshold: float | None = None
    ) -> list[np.ndarray | None]:
        """The detections with a score above the threshold, as objects; without one, those with a
        score of at least 0.3.

        With a threshold, detections between a score of 0.3 and the threshold are objects that are
        left out, but where a sure one lies: their anchors learn no class. An image without a sure
        object has no target.
        """
        detections = self.decode(prediction)
        if threshold is None:
            return [self.confident(result)[:, :6] for result in detections]
        return [_sure_objects(result, threshold) for result in detections]

    def export(self, prediction: BoxPrediction) -> dict[str, Tensor]:
        """`boxes`, (B, A, 4) x1, y1, x2, y2 in pixels for each of the A anchors, clipped to the
        image, and `scores`, (B, A, classes) in [0, 1]. Boxes that overlap are not suppressed: how
        many then remain differs from image to image, and no batch of tensors has that."""
        anchors = anchors_in_pixels(prediction.anchors, prediction.size)
        x1, y1, x2, y2 = decode(prediction.offsets, anchors).unbind(dim=-1)
        height, width = prediction.size
        x1, x2 = x1.clamp(0, width), x2.clamp(0, width)
        y1, y2 = y1.clamp(0, height), y2.clamp(0, height)
        return {
            f"{self.name}_boxes": torch.stack([x1, y1, x2, y2], dim=-1),
            f"{self.name}_scores": prediction.logits.sigmoid(),
        }

    def units(self) -> dict[str, str]:
        return {
            f"{self.name}_boxes": "x1, y1, x2, y2 in pixels of the input, on edges",
            f"{self.name}_scores": "probabilities of the classes",
        }

    def draw(self, image: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The image with a frame and a name on each object; those of an answer with their scores,
        the best on top."""
        picture = np.ascontiguousarray(image).copy()
        scored = target.shape[1] == 7
        if scored:
            target = target[np.argsort(target[:, 6], kind="stable")]
        target = target[target[:, 4] != LEFT_OUT]
        colours = palette(len(self.label_classes))[target[:, 4].astype(int)].tolist()
        for row, colour in zip(target, colours, strict=True):
            draw_frame(picture, row[:4], colour)
        labels = Labels(picture)
        for row, colour in zip(target[::-1], colours[::-1], strict=True):
            name = self.label_classes[int(row[4])]
            labels.draw(row[:4], f"{name} {row[6]:.2f}" if scored else name, colour)
        return picture

    def legend(self, target: np.ndarray) -> Swatches | None:
        numbers = target[target[:, 4] != LEFT_OUT, 4].astype(int)
        counts = np.bincount(numbers, minlength=len(self.label_classes))
        return class_swatches(counts, self.label_classes, palette(len(self.label_classes)))


class _BoxMeter(Meter):
    """Keeps the detections and the objects of every image; AP looks at all of them at once."""

    def __init__(self, classes: tuple[str, ...]):
        self.classes = classes
        self.detections: list[np.ndarray] = []
        self.truths: list[np.ndarray] = []

    def update(self, prediction, target, labelled, class_map=None):
        """Scores of classes that the image's dataset does not label are no detections."""
        prediction, target = _labelled(prediction, target, labelled)
        known = None if class_map is None else labelled_classes(class_map[labelled])
        self.detections += [result.cpu().numpy() for result in detect(prediction, known)]
        self.truths += [truth.cpu().numpy() for truth in target]

    def merge(self, other):
        self.detections += other.detections
        self.truths += other.truths

    def compute(self):
        """Means over the classes that occur (not only as difficult objects). Of a class 'chair', AP
        over IoU 0.50 to 0.95 as 'chair', and AP50 as 'chair AP50'."""
        ap = average_precision(self.detections, self.truths, len(self.classes))
        occurs = ~np.isnan(ap[:, 0])
        if not occurs.any():
            return Measurement(dict.fromkeys(Detection.metrics, float("nan")))
        mean = ap[occurs].mean(axis=0)
        metrics = {
            "mAP": float(mean.mean()),
            "AP50": float(mean[_AT_50]),
            "AP75": float(mean[_AT_75]),
        }
        per_class = {}
        for name, row in zip(self.classes, ap, strict=True):
            if not np.isnan(row[0]):
                per_class |= {name: float(row.mean()), f"{name} AP50": float(row[_AT_50])}
        return Measurement(metrics, per_class)


def _labelled(
    prediction: BoxPrediction, target: list[Tensor], labelled: Tensor
) -> tuple[BoxPrediction, list[Tensor]]:
    """The labelled images of a batch."""
    prediction = prediction._replace(
        logits=select_labelled(prediction.logits, labelled),
        offsets=select_labelled(prediction.offsets, labelled),
        shown=None if prediction.shown is None else select_labelled(prediction.shown, labelled),
    )
    return prediction, [boxes for boxes, known in zip(target, labelled, strict=True) if known]


def _sure_objects(detections: np.ndarray, threshold: float) -> np.ndarray | None:
    """The detections (M, 7) of an image above the threshold, as a target, with the doubtful ones as
    objects that are left out; None where no detection is above it."""
    score = detections[:, 6]
    sure = detections[score > threshold, :6]
    if not len(sure):
        return None
    doubtful = detections[(score >= CONFIDENT) & (score <= threshold), :6].copy()
    doubtful[:, 4] = LEFT_OUT
    # A box of another class at the place of a sure one would take anchors from it.
    boxes = torch.from_numpy(doubtful[:, None, :4]), torch.from_numpy(sure[None, :, :4])
    apart = (paired_iou(*boxes) <= _SAME_PLACE).all(dim=1).numpy()
    return np.concatenate([sure, doubtful[apart]])


def _objects(target: list[Tensor], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The objects to train on, those of all images in one row: their boxes (N, 4), classes (N) and
    the index of each one's image (N)."""
    counts = tensor_on(device, [len(boxes) for boxes in target], torch.int64)
    image = torch.repeat_interleave(counts, output_size=sum(len(boxes) for boxes in target))
    rows = torch.cat([*target, torch.zeros(0, 6, device=device)])
    used = (rows[:, 5] == 0) | (rows[:, 4] == LEFT_OUT)
    return rows[used, :4], rows[used, 4].long(), image[used]


def _wanted(logits: Tensor, place: Tensor, category: Tensor, overlap: Tensor) -> Tensor:
    """(B·A, C) the scores that the anchors of a batch should give: at the positive ones that of the
    object's class, where it is none of the coarse ones."""
    last = logits.shape[2] - 1
    wanted = torch.zeros_like(logits).flatten(0, 1)
    # Of other numbers no anchor has a score: that of the first or the last class stays 0.
    is_class = (category >= 0) & (category <= last)
    wanted[place, category.clamp(0, last)] = overlap * is_class
    return wanted


def _counted(class_map: Tensor, anchors: int, place: Tensor, category: Tensor) -> Tensor:
    """(B·A, C) bool: the classes that count at each anchor.

    Args:
        class_map: (B, C), of the images.
        anchors: A, of an image.
        place, category: (P) the positive anchors, and the class of each one's object.
    """
    counted = (class_map != UNLABELLED).repeat_interleave(anchors, 0)
    may_be_any_of = class_map[place // anchors] == category[:, None]
    is_coarse = (category >= class_map.shape[1])[:, None]
    counted[place] &= ~(may_be_any_of & is_coarse)
    return counted
