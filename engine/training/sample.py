"""What the predictions of a network look like: enough for the counts of the tasks' losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.training.weighted_labels import WeightedLabels, joined_counts, sum_and_count
from models import Network
from tasks import Task
from tasks.base import BoxPrediction


class SamplePrediction(NamedTuple):
    """The predictions for one image, whatever it shows.

    Attributes:
        predictions: by task name, without a graph.
        maps: the sizes (h, w) of the shared maps.
    """

    predictions: dict[str, Any]
    maps: tuple[torch.Size, ...]

    @torch.no_grad()
    def counts(self, tasks: Iterable[Task], labels: Sequence[WeightedLabels]) -> Tensor:
        """(n) the counts of the tasks' criteria on targets, one task's after another's. They depend
        on no prediction.

        Args:
            labels: for all images, of one sort or of several.
        """
        counts = []
        for task in tasks:
            _, labelled, *_ = labels[0].labels[task.name]
            prediction = _repeated(self.predictions[task.name], len(labelled))
            counts.append(sum_and_count(task, prediction, labels)[1])
        return joined_counts(counts)


@torch.no_grad()
def sample_prediction(network: Network, size: tuple[int, int]) -> SamplePrediction:
    """The prediction for an image of `size` (height, width). It changes nothing in the network."""
    training, weight = network.training, next(network.parameters())
    image = torch.zeros(1, 3, *size, device=weight.device)
    predictions = network.eval()(image)
    network.train(training)
    return SamplePrediction(predictions, tuple(f.shape[2:] for f in network.features))


def _repeated(prediction: Tensor | BoxPrediction, images: int) -> Tensor | BoxPrediction:
    """The prediction for one image as that for several, in the memory of one."""
    if isinstance(prediction, BoxPrediction):
        return prediction._replace(
            logits=_repeated(prediction.logits, images),
            offsets=_repeated(prediction.offsets, images),
        )
    return prediction.expand(images, *prediction.shape[1:])
