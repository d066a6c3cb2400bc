"""The tasks of merged datasets: which classes they have, and whose labels they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.base import Sample, Split
from datasets.formats.base import Format, Label
from tasks import Task
from utils.errors import DataError
from utils.part import Choice


def build_tasks(
    choices: Sequence[Choice], splits: Sequence[Split], classes: str = "separate"
) -> list[Task]:
    """The tasks of the merged data, in the order of `choices`.

    A choice gives one task where its datasets have the same classes. Where they differ, `classes`
    says what becomes of it:

    - `separate`: one task a dataset (`segmentation:VOC`, `segmentation:NYUD_MT`), each with a class
      space and a head of its own.
    - `unite`: one task of the classes of all datasets, in the order in which they first appear.
      Those of one name are one, and names are compared to the letter: VOC's sofa is NYUD_MT's, and
      its diningtable is not NYUD_MT's table. A dataset does not know the classes that it lacks. In
      segmentation, its pixels of such a class count as what it calls them, be it background; in
      detection, its objects of such a class count as background.

    Raises:
        DataError: no dataset has labels for a task, or it has more classes than it can.
    """
    tasks = []
    for choice in choices:
        labelled = [s for s in splits if any(choice.name in x.labels for x in s.samples)]
        if not labelled:
            names = ", ".join(split.name for split in splits)
            raise DataError(f"no dataset of the cfg has labels for {choice.name}: it names {names}")
        spaces = {split.name: _classes(choice.name, split) for split in labelled}
        if classes == "unite" or len(set(spaces.values())) == 1:
            united = dict.fromkeys(name for space in spaces.values() for name in space)
            tasks.append(choice.build(tuple(united)))
        else:
            tasks += [choice.build(space, name) for name, space in spaces.items()]
    return tasks


@dataclass(frozen=True, slots=True)
class RemappedLabel:
    """A label of a dataset in the class numbers of a task that has other classes as well. It is
    decoded in the dataset's own numbers, in which alone it can be checked.

    The attributes and methods are those of :class:`datasets.formats.base.Label`.
    """

    label: Label
    task: Task
    classes: tuple[str, ...]

    @property
    def format(self) -> Format:
        return self.label.format

    @property
    def files(self) -> tuple[Path, ...]:
        return self.label.files

    @property
    def key(self) -> str:
        return f"{self.label.key} as {' '.join(self.task.classes)}"

    def read(self, size: tuple[int, int]) -> np.ndarray:
        return self.task.remap_classes(self.label.read(size), self.classes)


def task_label(task: Task, split: Split, sample: Sample) -> Label | RemappedLabel | None:
    """The label of a sample for a task, in the task's class numbers; None where the sample has none
    of this type whose classes are among the task's."""
    if task.task_type not in sample.labels or task.dataset not in (None, split.name):
        return None
    label, classes = sample.labels[task.task_type], _classes(task.task_type, split)
    if classes == task.classes:
        return label
    if classes and set(classes) <= set(task.classes):
        return RemappedLabel(label, task, classes)
    return None


def _classes(task_type: str, split: Split) -> tuple[str, ...]:
    return tuple(split.classes.get(task_type, ()))
