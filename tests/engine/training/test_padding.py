"""Evaluations of images with padding: nothing that is predicted there counts."""

import math

import pytest
import torch
from torch import nn

from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from engine.training.evaluation import evaluate, evaluate_constants
from engine.training.precision import Precision
from tasks.base import BoxPrediction
from tasks.depth import Depth
from tests.labels import read_split, tasks_of
from tests.running import CPU

SIZE = (64, 64)  # of images of 48×64: the lower quarter is padding
DENSE, BOXES = ("segmentation", "depth", "normal"), ("detection",)
FLOAT32 = Precision(CPU, False)
PADDING_BOXES = 1500  # more than are looked at


@pytest.fixture(scope="module")
def data(scenes_root):
    def of(name, kinds, **options):
        splits = [read_split(name, scenes_root, "test")]
        return MultiTaskDataset(splits, tasks_of(kinds, splits), SIZE, aspect="keep", **options)

    return of


class Oracle(nn.Module):
    """Predicts the targets of the batches of a loader in their order; in the padding, noise.

    Args:
        noise: its factor; None: the truth goes on where it can.
        reach: how far the boxes that touch the padding reach into it, in pixels.
    """

    def __init__(self, tasks, loader, noise=None, reach=0.0):
        super().__init__()
        self.tasks, self.noise, self.reach = tasks, noise, reach
        self.batches = loader.epoch()
        self.draw = torch.Generator().manual_seed(0)

    def forward(self, images):
        batch = next(self.batches)
        return {task.name: self.predict(task, batch) for task in self.tasks}

    def predict(self, task, batch):
        target = batch.targets[task.name]
        if task.task_type == "detection":
            return self.boxes(target, batch.shown, len(task.classes))
        if task.task_type == "segmentation":
            known = target.long().clamp(max=len(task.classes) - 1)
            prediction = nn.functional.one_hot(known, len(task.classes)).permute(0, 3, 1, 2).float()
        else:
            prediction = target.clone()[:, None] if task.task_type == "depth" else target.clone()
        if self.noise is not None:
            for image, (x1, y1, x2, y2) in zip(prediction, batch.shown.tolist(), strict=True):
                outside = torch.ones(SIZE, dtype=torch.bool)
                outside[y1:y2, x1:x2] = False
                shape = len(image), int(outside.sum())
                image[:, outside] = self.noise * torch.randn(shape, generator=self.draw)
        return prediction

    def boxes(self, targets, shown, classes):
        """Of each object a box; and confident ones in the padding."""
        anchors = [target[:, :4].clone() for target in targets]
        for rows, (_, _, _, bottom) in zip(anchors, shown.tolist(), strict=True):
            rows[rows[:, 3] >= bottom - 0.5, 3] += self.reach
        extra = PADDING_BOXES if self.noise is not None else 0
        width = max(map(len, targets)) + extra
        logits = torch.full((len(targets), width, classes), -20.0)
        # The anchors are the same in every image: the boxes lie in the offsets.
        offsets, half = torch.zeros(len(targets), width, 4), SIZE[0] / 2
        corners = torch.tensor([[24.0, 24, 40, 40]]).repeat(len(targets), width, 1)
        for n, (rows, target) in enumerate(zip(anchors, targets, strict=True)):
            corners[n, : len(rows)] = rows
            logits[n, torch.arange(len(rows)), target[:, 4].long()] = 5.0
        if extra:
            place = torch.rand(len(targets), extra, 4, generator=self.draw)
            top = shown[:, None, 3] + 1 + 6 * place[..., 1]
            left, sides = 50 * place[..., 0], 2 + 6 * place[..., 2:]
            low = torch.stack([left, top], dim=2)
            corners[:, -extra:] = torch.cat([low, low + sides], dim=2)
            logits[:, -extra:] = 8.0
        centre, sides = (
            (corners[..., :2] + corners[..., 2:]) / 2,
            corners[..., 2:] - corners[..., :2],
        )
        offsets[..., :2] = (centre - half) / half / 0.1
        offsets[..., 2:] = (sides / half).log() / 0.2
        anchors = torch.tensor([[0.5, 0.5, 0.5, 0.5]]).repeat(width, 1)
        return BoxPrediction(logits, offsets, anchors, (width,), SIZE)


def measured(data, **options):
    def loader():
        return Loader(data, Loading(batch_size=4, num_workers=0), training=False)

    return evaluate(Oracle(data.tasks, loader(), **options), data.tasks, loader(), FLOAT32)


def test_a_perfect_prediction_has_perfect_metrics(data):
    dense = measured(data("NYUD_MT", DENSE)).metrics
    assert dense["segmentation"] == {"mIoU": 1, "pixel_acc": 1}
    assert dense["depth"] == {name: max(sign, 0) for name, sign in Depth.metrics.items()}
    shares = {name: dense["normal"][name] for name in ("11.25", "22.5", "30")}
    assert shares == {"11.25": 1, "22.5": 1, "30": 1}
    assert dense["normal"]["mean"] < 0.05
    boxes = measured(data("VOC", BOXES)).metrics["detection"]
    assert boxes == pytest.approx({"mAP": 1, "AP50": 1, "AP75": 1})


@pytest.mark.parametrize("noise", [1.0, 1e6, math.nan])
def test_noise_in_the_padding_changes_no_metric(data, noise):
    for name, kinds in (("NYUD_MT", DENSE), ("VOC", BOXES)):
        clean, noisy = (measured(data(name, kinds), noise=value) for value in (None, noise))
        assert noisy == clean


def test_boxes_are_clipped_to_the_image(data):
    """One that reaches into the padding is as right as one that ends at its edge."""
    voc = data("VOC", BOXES)
    bottoms = [row[3] for n in range(len(voc)) for row in voc[0, n]["targets"]["detection"]]
    assert max(bottoms) > 47.5, "there is one to try it on"
    assert measured(voc, reach=12.0) == measured(voc)


def test_a_constant_is_measured_on_the_image_alone(data):
    """It is the best one for the pixels of the images, not for those of the padding."""
    test = data("NYUD_MT", ("depth",))
    loader = Loader(test, Loading(batch_size=4, num_workers=0), training=False)
    letterboxed = evaluate_constants(test.tasks, test, loader)["depth"]
    [task] = test.tasks
    depths = [entry.labels[0].read((48, 64)) for entry in test.entries]
    readings = torch.cat([torch.from_numpy(d[task.valid_pixels(d)]) for d in depths]).double()
    error = readings - readings.mean()
    assert letterboxed["rmse"] == pytest.approx(error.square().mean().sqrt().item(), rel=1e-5)
