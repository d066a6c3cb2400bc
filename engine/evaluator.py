"""Tests a network on a set of images."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from datasets.batch import Batch
from datasets.loader import Loader
from datasets.merge import Merged
from datasets.photometric import normalised_images
from engine.precision import Precision
from tasks import Task
from tasks.base import DenseHead
from tasks.images import read_image
from utils.errors import DataError

_CONSTANT_SAMPLES = 200  # training images that the constant prediction is learnt from


@dataclass
class Evaluation:
    """What a test found.

    Attributes:
        metrics: by task name, its metrics by name.
        per_class: by task name, its metric by class.
    """

    metrics: dict[str, dict[str, float]]
    per_class: dict[str, dict[str, float]]

    def accuracy(self, tasks: Iterable[Task]) -> dict[str, float]:
        """The one metric of each task that stands for it, in [0, 1]."""
        return {task.name: self.metrics[task.name][task.accuracy] for task in tasks}

    def total(self, tasks: Iterable[Task]) -> float:
        """The geometric mean over tasks of `Task.total`, for the choice of the checkpoint."""
        totals = np.array([task.total(self.metrics[task.name]) for task in tasks])
        return float(np.exp(np.log(totals).mean())) if (totals > 0).all() else 0.0


@torch.no_grad()
def evaluate(
    network: nn.Module,
    tasks: list[Task],
    loader: Loader,
    device: torch.device,
    precision: Precision,
) -> Evaluation:
    """Runs the network over all images and measures every task on those labelled for it."""
    was_training = network.training
    network.eval()
    meters = {task.name: task.meter() for task in tasks}
    for batch in loader.epoch():
        batch = batch.to(device)
        with precision.autocast():
            predictions = network(normalised_images(batch))
        _update(meters, predictions, batch)
    network.train(was_training)
    return _evaluation(meters)


def evaluate_constants(tasks: list[Task], train: Merged, loader: Loader) -> Evaluation:
    """The metrics of the best predictions that do not look at the image (`Task.constant`), learnt
    from a part of the training images, for the tasks that have one."""
    constants = {}
    for task in tasks:
        if isinstance(task.head, DenseHead):
            constants[task.name] = task.constant(_some_targets(task, train))
    meters = {task.name: task.meter() for task in tasks if task.name in constants}
    for batch in loader.epoch():
        shape = batch.images.shape[:3]
        predictions = {
            name: value.view(1, -1, 1, 1).expand(shape[0], -1, *shape[1:])
            for name, value in constants.items()
        }
        _update(meters, predictions, batch)
    return _evaluation(meters)


def _some_targets(task: Task, train: Merged) -> list[np.ndarray]:
    labelled = train.labelled_for(task)
    chosen = labelled[:: -(-len(labelled) // _CONSTANT_SAMPLES)]
    targets = []
    for i in chosen:
        with suppress(DataError):  # the training went on without this file, and named it
            shape = read_image(train.entries[i][1].image).shape[:2]
            targets.append(train.read_target(task, i, shape))
    return targets


def _update(meters: dict, predictions: dict, batch: Batch) -> None:
    for name, meter in meters.items():
        if batch.labelled[name].any():
            meter.update(predictions[name], batch.targets[name], batch.labelled[name])


def _evaluation(meters: dict) -> Evaluation:
    return Evaluation(
        metrics={name: meter.compute() for name, meter in meters.items()},
        per_class={name: meter.per_class() for name, meter in meters.items()},
    )
