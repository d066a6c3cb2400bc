"""The losses of the tasks on a batch, each divided once, by the count of the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from datasets.batch import Batch
from datasets.photometric import normalised_images
from engine.training.precision import Precision
from engine.training.ranks import Ranks
from models import Network
from tasks import Task

LossFunction = Callable[[], dict[str, Tensor]]
"""Runs the network on a batch; returns task -> scalar float32 loss, of the active tasks."""


def mean_losses(
    tasks: Iterable[Task],
    predictions: Mapping[str, Any],
    targets: Mapping[str, Any],
    labelled: Mapping[str, Tensor],
    ranks: Ranks,
) -> dict[str, Tensor]:
    """Σ sum / max(1, Σ count) of each task, the sums over the images of the whole batch.

    Each process gets the part of its own images; the parts of all processes add up to the loss.

    Args:
        tasks: the active tasks.
        predictions, targets: by task name, for all images of the process.
        labelled: by task name, (B) bool on the CPU: the images whose targets count.
    """
    losses = {}
    for task in tasks:
        name = task.name
        total, count = task.criterion(predictions[name], targets[name], labelled[name])
        losses[name] = total / ranks.sum(count).clamp(min=1)
    return losses


class TaskLosses:
    """The losses on the labels of a batch.

    Attributes:
        network: the network.
        model: the network as an objective sees it: its parameters by who shares them.
    """

    def __init__(self, network: Network, tasks: Sequence[Task], precision: Precision, ranks: Ranks):
        self.network = self.model = network
        self.tasks = list(tasks)
        self.precision = precision
        self.ranks = ranks

    def active(self, batch: Batch) -> set[str]:
        """The tasks that any image of the whole batch is labelled for."""
        flags = torch.stack([batch.labelled[task.name].any() for task in self.tasks])
        counts = self.ranks.sum(flags.int()).tolist()
        return {task.name for task, count in zip(self.tasks, counts, strict=True) if count}

    def on(self, batch: Batch) -> LossFunction:
        """The loss function of a batch that is on the device."""
        images, active = normalised_images(batch), self.active(batch)
        return lambda: self.labelled_losses(self.predict(images), batch, active)

    def predict(self, images: Tensor) -> dict[str, Any]:
        with self.precision.autocast():
            return self.network(images)

    def labelled_losses(
        self, predictions: Mapping[str, Any], batch: Batch, active: set[str]
    ) -> dict[str, Tensor]:
        tasks = [task for task in self.tasks if task.name in active]
        return mean_losses(tasks, predictions, batch.targets, batch.labelled, self.ranks)

    def components(self) -> dict[str, nn.Module]:
        """What is trained beside the network, by the name that a checkpoint has for it."""
        return {}
