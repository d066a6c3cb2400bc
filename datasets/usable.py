"""Whether labels have something to learn from, or to measure by."""

from __future__ import annotations

from pathlib import Path

from datasets.formats.base import Label
from datasets.formats.images import image_size
from datasets.merge import MultiTaskDataset
from datasets.unite import RemappedLabel
from tasks import Task
from utils.errors import DataError


def is_usable(task: Task, label: Label | RemappedLabel, image: Path) -> bool:
    """Whether the label of an image has a valid pixel (see `Task.usable`). So counts a label that
    cannot be read: whoever trains or tests on it tells that."""
    try:
        return task.usable(label.read(image_size(image)))
    except DataError:
        return True


def has_usable_label(task: Task, data: MultiTaskDataset) -> bool:
    """Whether any label of a task is usable. Mostly the first one is."""
    at = data.tasks.index(task)
    entries = (data.entries[i] for i in data.labelled_for(task))
    return any(is_usable(task, entry.labels[at], entry.image) for entry in entries)
