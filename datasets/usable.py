"""Whether labels have something to learn from, or to measure by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.base import Sample, Split
from datasets.formats.base import Label
from datasets.formats.images import image_size
from datasets.merge import MultiTaskDataset
from datasets.unite import RemappedLabel, task_label
from tasks import Task
from utils.errors import DataError


def is_usable(task: Task, label: Label | RemappedLabel, image: Path) -> bool:
    """Whether the label of an image has a valid pixel (see `Task.usable`). So counts a label that
    cannot be read: whoever trains or tests on it tells that."""
    try:
        return task.usable(label.read(image_size(image)))
    except DataError:
        return True


def usable_for(
    tasks: Sequence[Task], split: Split, sample: Sample, task_type: str, target: np.ndarray
) -> set[str]:
    """The names of those tasks of merged data that can learn from the label of an image.

    Args:
        tasks: all of them.
        task_type: the type of the label.
        target: the label in the class numbers of its dataset, as it was read.
    """
    names = set()
    for task in tasks:
        if task.task_type == task_type and (label := task_label(task, split, sample)):
            remapped = label.remap(target) if isinstance(label, RemappedLabel) else target
            names.update([task.name] if task.usable(remapped) else [])
    return names


def has_usable_label(task: Task, data: MultiTaskDataset) -> bool:
    """Whether any label of a task is usable. Mostly the first one is."""
    at = data.tasks.index(task)
    entries = (data.entries[i] for i in data.labelled_for(task))
    return any(is_usable(task, entry.labels[at], entry.image) for entry in entries)
