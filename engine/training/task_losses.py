"""The losses of the tasks on a batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from torch import Tensor, nn

from datasets.batch import Batch
from datasets.photometric import float_images
from engine.training.precision import Precision
from engine.training.sample import SamplePrediction, sample_prediction
from engine.training.weighted_labels import WeightedLabels, joined_counts, sum_and_count
from engine.training.whole_batch import WholeBatch, whole_batch
from models import Network
from models.dropout import Place
from tasks import Task
from utils.ranks import Ranks

LossFunction = Callable[[], dict[str, Tensor]]
"""Runs the network on a batch; returns task -> scalar float32 loss, of the active tasks."""


def mean_losses(
    tasks: Iterable[Task],
    predictions: Mapping[str, Any],
    labels: Sequence[WeightedLabels],
    ranks: Ranks,
    counts: Tensor | None = None,
) -> dict[str, Tensor]:
    """The loss of each task, of sums and counts over the images of all processes.

    Args:
        tasks: the active tasks.
        predictions: by task name, for all images of this process.
        labels: likewise, of one sort or of several.
        counts: (n) those of the whole batch, where these images are a part of it, one task's after
            another's.
    """
    tasks = list(tasks)
    if not tasks:
        return {}
    pairs = [sum_and_count(task, predictions[task.name], labels) for task in tasks]
    if counts is None:
        counts = ranks.sum(joined_counts(count for _, count in pairs))
    of_tasks = counts.split([task.sums for task in tasks])
    # A sum each: one of all together would lead from a task's loss to the heads of the others.
    return {
        task.name: task.loss(ranks.sum(total), count.view_as(total))
        for task, (total, _), count in zip(tasks, pairs, of_tasks, strict=True)
    }


class TaskLosses:
    """The losses of a network on the labels of a batch.

    Args:
        network: the network.
        tasks: all tasks, in order.
        precision: of the forward passes.
        ranks: the processes that share the batch.
        seed: of what the network draws.
        missing_weight: of the pseudo-labels of a batch, beside 1 for its labels.

    Attributes:
        network: the network.
        model: the network as an objective sees it: its parameters by who shares them.
        steps: of the whole training, for a network that changes in its course; 0: not known.
    """

    def __init__(
        self,
        network: Network,
        tasks: Sequence[Task],
        precision: Precision,
        ranks: Ranks,
        seed: int,
        missing_weight: float = 1.0,
    ):
        self.network = self.model = network
        self.tasks = list(tasks)
        self.precision = precision
        self.ranks = ranks
        self.seed = seed
        self.missing_weight = missing_weight
        self.steps = 0
        self._samples: dict[tuple[int, int], SamplePrediction] = {}

    def on(
        self, batch: Batch, step: int, whole: WholeBatch | None = None
    ) -> tuple[Set[str], LossFunction]:
        """The active tasks of a batch, and its loss function. The calls of the function are the
        forward passes of a step, each with random numbers of its own.

        Args:
            batch: this process's share, on the device.
            step: the number of the step, from 1.
            whole: what is known of all shares; asked for where it is not yet.
        """
        whole = whole or whole_batch(self.ranks, self.tasks, [batch])
        places = self.places(step, whole.shares[0], whole.images)
        losses_at = self.on_part(batch, whole.labelled)
        return self.active(whole.labelled), lambda: losses_at(next(places))

    def on_part(
        self, batch: Batch, labelled: Set[str], counts: Tensor | None = None
    ) -> Callable[[Place], dict[str, Tensor]]:
        """The loss function of images at the place of a forward pass.

        Args:
            batch: this process's share, on the device.
            labelled: the tasks that any image of the whole batch has a label or a pseudo-label for.
            counts: of a part of a batch, the sum of :meth:`counts` over the whole batch.
        """
        images, active = float_images(batch), self.active(labelled)
        return lambda place: self.on_labels(
            self.predict(images, place, active), batch, labelled, counts
        )

    def active(self, labelled: Set[str]) -> Set[str]:
        """The tasks that have a loss on a batch with labels or pseudo-labels of some tasks."""
        return labelled

    def places(self, step: int, share: range, images: int) -> Iterator[Place]:
        """The places of the forward passes of a step, one after another, on a share of so many
        images."""
        progress = min(1.0, (step - 1) / self.steps) if self.steps else 0.0
        return (
            Place(self.seed, step, number, share, images, progress) for number in itertools.count()
        )

    def predict(self, images: Tensor, place: Place, active: Set[str]) -> dict[str, Any]:
        """The predictions for (B, 3, H, W) images, RGB in [0, 1], by task name: at least those of
        the active tasks of the whole batch."""
        self.network.masks.place = place
        with self.precision.autocast():
            return self.network(images, active)

    def on_labels(
        self,
        predictions: Mapping[str, Any],
        batch: Batch,
        labelled: Set[str],
        counts: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The losses of the labelled tasks, in the order of the tasks."""
        tasks = self.labelled_tasks(labelled)
        return mean_losses(tasks, predictions, self.labels_of(batch), self.ranks, counts)

    def labels_of(self, batch: Batch) -> list[WeightedLabels]:
        """The labels of a batch, and the pseudo-labels where there are teachers."""
        sorts = [WeightedLabels(batch.labels)]
        if batch.pseudo_labelled:
            sorts.append(WeightedLabels(batch.pseudo_labels, self.missing_weight))
        return sorts

    def labelled_tasks(self, labelled: Set[str]) -> list[Task]:
        """The labelled tasks, in order."""
        return [task for task in self.tasks if task.name in labelled]

    def counts(self, batch: Batch, labelled: Set[str]) -> Tensor:
        """What images add to the counts of the losses, before any loss is known: (n) those of the
        labelled tasks, in order.

        Args:
            batch: this process's share of a part of a batch, on the device.
            labelled: the tasks that any image of the whole batch has a label or a pseudo-label for.
        """
        return self._sample(batch).counts(self.labelled_tasks(labelled), self.labels_of(batch))

    def _sample(self, batch: Batch) -> SamplePrediction:
        size = tuple(batch.images.shape[1:3])
        if size not in self._samples:
            self._samples[size] = sample_prediction(self.network, size)
        return self._samples[size]

    def components(self) -> dict[str, nn.Module]:
        """The modules that are trained beside the network, by their names in a checkpoint."""
        return {}
