"""What was decided about the files of the data, in words: what their numbers mean, and which labels
belong to no image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from datasets.base import Split
from datasets.unite import labelled_names
from engine.runs.data import Data
from tasks import Task

_NAMED = 8  # classes of a line


def decisions_in_words(decided: Mapping[str, str]) -> str:
    """'unit: 0.001 m a number (PNG of 16 bits); no reading: 0'."""
    return "; ".join(f"{subject}: {meaning}" for subject, meaning in decided.items())


def dataset_lines(data: Data) -> list[str]:
    """A line for each dataset and each of its tasks, by its first label, and one for each number of
    labels that belong to no image."""
    lines = []
    for split in _unique([*data.train.splits, *data.val.splits, *data.test.splits]):
        if split.decided:
            lines.append(f"{split.name}: {decisions_in_words(split.decided)}")
        for task_type in dict.fromkeys(task.task_type for task in data.tasks):
            if decided := _of_first_label(split, task_type, data.tasks):
                lines.append(f"{split.name} {task_type}: {decisions_in_words(decided)}")
            if unmatched := split.unmatched.get(task_type):
                lines.append(unmatched_in_words(split.name, task_type, **vars(unmatched)))
        lines += [line for task in data.tasks for line in _not_labelled(task, split)]
    return list(dict.fromkeys(lines))


def unmatched_in_words(dataset: str, task: str, count: int, example: str, reason: str) -> str:
    """The labels of a dataset for a task that belong to no image."""
    belong = f"{count:,} label belongs" if count == 1 else f"{count:,} labels belong"
    because = f" ({reason})" if reason else ""
    return f"{dataset} {task}: {belong} to no image, such as {example}{because}"


def _of_first_label(split: Split, task_type: str, tasks: Sequence[Task]) -> dict[str, str]:
    labelled = split.samples.label_types().has(task_type)
    if not labelled.any():
        return {}
    label = split.samples[int(labelled.argmax())].labels[task_type]
    [task, *_] = [task for task in tasks if task.task_type == task_type]
    return {**label.format.decided(label), **task.decided()}


def _not_labelled(task: Task, split: Split) -> list[str]:
    """The line that names the classes of a task that a dataset with labels for it lacks."""
    if not task.has_classes or task.dataset not in (None, split.name):
        return []
    labelled = labelled_names(task, split)
    names = [name for name in task.classes if name not in labelled]
    if not (labelled and names):
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"{split.name} {task.name}: not labelled: {', '.join(names[:_NAMED])}{more}"]


def _unique(splits: Iterable[Split]) -> list[Split]:
    """Those of the same dataset and the same kinds of labels once."""
    kinds = {}
    for split in splits:
        types = split.samples.label_types().all
        kinds.setdefault((split.name, types, tuple(split.unmatched)), split)
    return list(kinds.values())
