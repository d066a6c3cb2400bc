"""Object detection: the boxes of the objects in an image, and their classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tasks.atss import match
from tasks.average_precision import average_precision
from tasks.base import BoxHead, BoxPrediction, Meter, Task, labelled_part
from tasks.box_drawing import draw_frame, draw_label
from tasks.box_losses import complete_iou_loss, iou_aware_focal_loss
from tasks.boxes import anchors_in_pixels, decode, paired_iou
from tasks.coco_json import CocoLabel
from tasks.nms import detect
from tasks.object_counts import ObjectCounts
from tasks.segmentation import palette
from tasks.survey import Survey
from tasks.voc_xml import read_voc_xml
from utils.errors import DataError
from utils.geometry import Warp

# A warped box is kept when at least this share of it lies in the output, and both its sides are at
# least this long, in pixels. What is left of a smaller one does not show what it is.
_VISIBLE = 0.25
_SHORTEST_SIDE = 2.0

# Detections below this score are not drawn, and teach no other network: there are up to 200 an
# image, nearly all of them weak.
_CONFIDENT = 0.3

# Where IoU 0.50 and 0.75 stand among the thresholds of AP.
_AT_50, _AT_75 = 0, 5


class Detection(Task):
    """Boxes of the objects of each class.

    Target: (N, 6) float32, one row an object: x1, y1, x2, y2 in pixels on edges (an image of width
    W spans 0 to W), class index, and 1 where the object is difficult, else 0. Difficult objects are
    left out of training and ignored in evaluation. An image that is not labelled, or shows no
    object, has (0, 6). A batch is a list of such tensors.

    Prediction: a `BoxPrediction`. Answer: (M, 7), the columns of a target (none is difficult), and
    as the seventh the score in [0, 1]; best first.

    Args:
        loc_weight: the weight of the box loss relative to the class loss.
    """

    kind = "detection"
    aliases = ("det",)
    options = ("loc_weight",)
    has_classes = True
    accuracy = "mAP"
    metrics = {"mAP": 1, "AP50": 1, "AP75": 1}  # noqa: RUF012
    selection = ("mAP",)

    def __init__(
        self, classes: tuple[str, ...], dataset: str | None = None, loc_weight: float = 10.0
    ):
        super().__init__(classes, dataset)
        self.loc_weight = loc_weight

    @property
    def head(self) -> BoxHead:
        return BoxHead(len(self.classes))

    def read(self, label: Path | CocoLabel, size: tuple[int, int]) -> np.ndarray:
        """Reads a VOC annotation, or what a COCO JSON says of the image, whose crowds count as
        difficult. Boxes are scaled where they were made for another size."""
        if not isinstance(label, Path):
            boxes, category, crowd = label.boxes(size)
            names = label.annotations.classes
            of_name = [self._index(names[k], label.file) for k in category]
            return np.column_stack([boxes, of_name, crowd]).astype(np.float32).reshape(-1, 6)
        stored, objects = read_voc_xml(label)
        scale = np.array([size[1] / stored[1], size[0] / stored[0]] * 2)
        rows = [
            (*(np.array(item.box) * scale), self._index(item.name, label), item.difficult)
            for item in objects
        ]
        return np.array(rows, dtype=np.float32).reshape(-1, 6)

    def carry_over(self, target: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        numbers = np.array([self.classes.index(name) for name in classes], np.float32)
        carried = target.copy()
        carried[:, 4] = numbers[target[:, 4].astype(int)]
        return carried

    def absent(self, size: tuple[int, int]) -> np.ndarray:
        return np.zeros((0, 6), dtype=np.float32)

    def warp(self, target: np.ndarray, warp: Warp, out: np.ndarray | None = None) -> np.ndarray:
        """The boxes in the output, clipped to it. Dropped is a box of which less than a quarter is
        visible, or with a side under 2 pixels."""
        height, width = warp.size
        moved = warp.boxes(target[:, :4])
        clipped = np.clip(moved, 0, [width, height, width, height])
        sides = clipped[:, 2:] - clipped[:, :2]
        visible = sides.prod(axis=1) >= _VISIBLE * (moved[:, 2:] - moved[:, :2]).prod(axis=1)
        kept = visible & (sides >= _SHORTEST_SIDE).all(axis=1)
        return np.concatenate([clipped, target[:, 4:]], axis=1)[kept].astype(np.float32)

    def room(self, count, size, empty, training=False) -> None:
        """There is none: the images have different numbers of objects."""
        return None

    def collate(self, targets: list[np.ndarray], room: None = None) -> list[Tensor]:
        """The targets of a batch, one (N, 6) tensor an image."""
        return [torch.from_numpy(target) for target in targets]

    def criterion(
        self, prediction: BoxPrediction, target: list[Tensor], labelled: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The IoU-aware focal loss of all anchors and classes, plus `loc_weight` times the complete
        IoU loss of the positive anchors. The count is the number of positive anchors."""
        prediction, target = _labelled(prediction, target, labelled)
        logits, offsets = prediction.logits.float(), prediction.offsets.float()
        anchors = anchors_in_pixels(prediction.anchors, prediction.size)
        boxes, category, image = _objects(target, logits.device)
        place, box = match(boxes, image, anchors, prediction.levels, prediction.size)

        found = decode(offsets.flatten(0, 1)[place], anchors[place % len(anchors)])
        box_loss = complete_iou_loss(found, boxes[box]).sum()

        wanted = torch.zeros_like(logits).flatten(0, 1)
        wanted[place, category[box]] = paired_iou(found, boxes[box]).detach()
        class_loss = iou_aware_focal_loss(logits.flatten(0, 1), wanted).sum()
        count = torch.tensor(len(place), dtype=torch.float32, device=logits.device)
        return class_loss + self.loc_weight * box_loss, count

    def meter(self) -> Meter:
        return _BoxMeter(self.classes)

    def survey(self) -> Survey:
        return ObjectCounts(self.classes)

    def answer(self, prediction: BoxPrediction) -> list[np.ndarray]:
        return [found.cpu().numpy() for found in detect(prediction)]

    def pseudo_targets(self, prediction: BoxPrediction) -> list[np.ndarray]:
        """The detections with a score of at least 0.3, as objects."""
        return [found[found[:, 6] >= _CONFIDENT, :6] for found in self.answer(prediction)]

    def draw(self, image: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The image with a frame and a name on each object. Of an answer, only detections with a
        score of at least 0.3 are shown, the best on top, with their scores."""
        picture = np.ascontiguousarray(image).copy()
        scored = target.shape[1] == 7
        if scored:
            target = target[target[:, 6] >= _CONFIDENT]
            target = target[np.argsort(target[:, 6], kind="stable")]
        colours = palette(len(self.classes))[target[:, 4].astype(int)].tolist()
        for row, colour in zip(target, colours, strict=True):
            draw_frame(picture, row[:4], colour)
        for row, colour in zip(target, colours, strict=True):
            name = self.classes[int(row[4])]
            draw_label(picture, row[:4], f"{name} {row[6]:.2f}" if scored else name, colour)
        return picture

    def _index(self, name: str, path: Path) -> int:
        if name not in self.classes:
            raise DataError(f"{path}: unknown class '{name}'; known are {', '.join(self.classes)}")
        return self.classes.index(name)


class _BoxMeter(Meter):
    """Keeps the detections and the objects of every image; AP looks at all of them at once."""

    def __init__(self, classes: tuple[str, ...]):
        self.classes = classes
        self.detections: list[np.ndarray] = []
        self.truths: list[np.ndarray] = []

    def update(self, prediction, target, labelled):
        prediction, target = _labelled(prediction, target, labelled)
        self.detections += [found.cpu().numpy() for found in detect(prediction)]
        self.truths += [truth.cpu().numpy() for truth in target]

    def compute(self):
        """Means over the classes that occur (not only as difficult objects)."""
        ap = self._average_precision()
        occurs = ~np.isnan(ap[:, 0])
        if not occurs.any():
            return dict.fromkeys(Detection.metrics, float("nan"))
        mean = ap[occurs].mean(axis=0)
        return {"mAP": float(mean.mean()), "AP50": float(mean[_AT_50]), "AP75": float(mean[_AT_75])}

    def per_class(self):
        """Of a class 'chair', AP over IoU 0.50 to 0.95 as 'chair', and AP50 as 'chair AP50'."""
        result = {}
        for name, ap in zip(self.classes, self._average_precision(), strict=True):
            if not np.isnan(ap[0]):
                result[name] = float(ap.mean())
                result[f"{name} AP50"] = float(ap[_AT_50])
        return result

    def _average_precision(self) -> np.ndarray:
        return average_precision(self.detections, self.truths, len(self.classes))


def _labelled(
    prediction: BoxPrediction, target: list[Tensor], labelled: Tensor
) -> tuple[BoxPrediction, list[Tensor]]:
    """The labelled images of a batch."""
    prediction = prediction._replace(
        logits=labelled_part(prediction.logits, labelled),
        offsets=labelled_part(prediction.offsets, labelled),
    )
    return prediction, [boxes for boxes, known in zip(target, labelled, strict=True) if known]


def _objects(target: list[Tensor], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The objects to train on, those of all images in one row: their boxes (N, 4), classes (N) and
    the index of each one's image (N)."""
    counts = torch.tensor([len(boxes) for boxes in target], dtype=torch.int64, device=device)
    image = torch.repeat_interleave(counts, output_size=sum(len(boxes) for boxes in target))
    rows = torch.cat([*target, torch.zeros(0, 6, device=device)])
    easy = rows[:, 5] == 0
    return rows[easy, :4], rows[easy, 4].long(), image[easy]
