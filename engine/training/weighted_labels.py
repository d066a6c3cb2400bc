"""Labels of a batch that count differently: those of its datasets, and those of teachers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tasks import Task


class WeightedLabels(NamedTuple):
    """Labels of a batch, and how much they count.

    Attributes:
        labels: by task name, what `Task.criterion` takes after the prediction.
        weight: of the sum and of the count of the criterion.
    """

    labels: Mapping[str, tuple]
    weight: float = 1.0


def sum_and_count(
    task: Task, prediction: Any, sorts: Sequence[WeightedLabels]
) -> tuple[Tensor, Tensor]:
    """The sum and the count of a task's criterion over all sorts of labels: Σ weight · sum and
    Σ weight · count, vectors where the task has several."""
    parts = [(task.criterion(prediction, *sort.labels[task.name]), sort.weight) for sort in sorts]
    totals, counts = zip(*((w * total, w * count) for (total, count), w in parts), strict=True)
    return sum(totals[1:], totals[0]), sum(counts[1:], counts[0])


def joined_counts(counts: Iterable[Tensor]) -> Tensor:
    """(n) the counts of several tasks, `Task.sums` of each, one task's after another's."""
    return torch.cat([count.view(-1) for count in counts])
