"""The tasks of merged datasets: which classes they have, and whose labels they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.base import Sample, Split
from datasets.formats.base import Format, Label
from datasets.naming import Naming
from tasks import Task
from tasks.class_maps import LEFT_OUT, UNLABELLED
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
      Those of one name are one, and names are compared to the letter, after the aliases of
      :class:`datasets.naming.Naming`: VOC's sofa is NYUD_MT's, and its diningtable is not NYUD_MT's
      table. Which classes a dataset labels stands in its class map (:func:`class_map`). A coarse
      class whose finer ones are there is no class of the task, but one that labels may have.

    Raises:
        DataError: no dataset has labels for a task, or it has more classes than it can.
    """
    tasks = []
    for choice in choices:
        spaces = {
            split.name: names
            for split in splits
            if choice.name in split.samples.label_types().all
            for names in [labelled_names(choice.part, split)]
            if names or not choice.part.has_classes
        }
        if not spaces:
            names = ", ".join(split.name for split in splits)
            raise DataError(
                f"no dataset of the cfg has labels for {choice.name}: it names {names}"
                f"{lacking_in_words(splits, choice.name)}"
            )
        if classes == "unite" or len(set(spaces.values())) == 1:
            united = dict.fromkeys(name for space in spaces.values() for name in space)
            coarse = _coarse_classes(splits[0].naming, united)
            fine = tuple(name for name in united if name not in coarse)
            tasks.append(choice.build(fine, coarse_classes=coarse))
        else:
            tasks += [choice.build(space, name) for name, space in spaces.items()]
    return tasks


def lacking_in_words(splits: Iterable[Split], task_type: str) -> str:
    """The folders that are not there in which labels of a task would lie, after a semicolon; empty
    where there is none."""
    folders = dict.fromkeys(s.lacking[task_type] for s in splits if task_type in s.lacking)
    return "".join(f"; {folder} is not there" for folder in folders)


def _coarse_classes(naming: Naming, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The coarse classes all of whose finer ones are among `names`."""
    return {
        coarse: finer for coarse, finer in naming.coarse_classes.items() if set(finer) <= set(names)
    }


@dataclass(frozen=True, slots=True)
class RemappedLabel:
    """A label of a dataset in the class numbers of a task that has other classes as well. It is
    decoded in the dataset's own numbers, in which alone it can be checked.

    The attributes and methods are those of :class:`datasets.formats.base.Label`.
    """

    label: Label
    task: Task
    numbers: tuple[int, ...]

    @property
    def format(self) -> Format:
        return self.label.format

    @property
    def files(self) -> tuple[Path, ...]:
        return self.label.files

    @property
    def key(self) -> str:
        return f"{self.label.key} as {' '.join(map(str, self.numbers))}"

    def read(self, size: tuple[int, int]) -> np.ndarray:
        return self.remap(self.label.read(size))

    def remap(self, target: np.ndarray) -> np.ndarray:
        """A target of the label's file in the class numbers of the task."""
        return self.task.remap_classes(target, self.numbers)


class TaskLabels:
    """The labels of the samples of a split for a task, in the task's class numbers.

    Attributes:
        labelled: (N) bool: the samples with a label of the task's type whose classes are among the
            task's.
    """

    def __init__(self, task: Task, split: Split):
        self._task, self._numbers = task, self._remapping(task, split)
        if self._takes_labels(task, split):
            self.labelled = split.samples.label_types().has(task.task_type)
        else:
            self.labelled = np.zeros(len(split.samples), bool)

    def of(self, sample: Sample) -> Label | RemappedLabel:
        """The label of a sample that has one."""
        label = sample.labels[self._task.task_type]
        return label if self._numbers is None else RemappedLabel(label, self._task, self._numbers)

    @staticmethod
    def _takes_labels(task: Task, split: Split) -> bool:
        if task.dataset not in (None, split.name):
            return False
        names = labelled_names(task, split)
        return not task.has_classes or (bool(names) and set(names) <= set(task.label_classes))

    @staticmethod
    def _remapping(task: Task, split: Split) -> tuple[int, ...] | None:
        """What each class of the labels is to the task; None where they have its own numbers."""
        numbers = class_numbers(task, split) if task.has_classes else ()
        return None if numbers == tuple(range(len(numbers))) else numbers


def task_label(task: Task, split: Split, sample: Sample) -> Label | RemappedLabel | None:
    """The label of a sample for a task, in the task's class numbers; None where the sample has none
    of this type whose classes are among the task's."""
    labels = TaskLabels(task, replace(split, samples=(sample,)))
    return labels.of(sample) if labels.labelled[0] else None


def labelled_names(task: Task | type[Task], split: Split) -> tuple[str, ...]:
    """The classes that a dataset labels for a task, by their names in merged data."""
    return split.naming.labels(split.classes.get(task.task_type, ()), task.background)


def class_numbers(task: Task, split: Split) -> tuple[int, ...]:
    """What each class of a dataset's labels is to a task; see `Task.remap_classes`. Pixels of a
    class that the dataset is said not to label count as what it calls background."""
    numbers = _numbers(task, split)
    names = map(split.naming.name, split.classes.get(task.task_type, ()))
    left_out = split.naming.left_out
    background = _background(task, numbers)
    return tuple(LEFT_OUT if n in left_out else numbers.get(n, background) for n in names)


def class_map(task: Task, split: Split) -> np.ndarray:
    """(C,) int64: by which number a dataset's labels know each class of a task; see
    `tasks.class_maps`."""
    numbers = _numbers(task, split)
    background = _background(task, numbers)
    held = {
        finer: numbers[coarse]
        for coarse, names in task.coarse_classes.items()
        if coarse in numbers
        for finer in names
    }
    known = (numbers.get(name, held.get(name, background)) for name in task.classes)
    return np.fromiter(known, np.int64, len(task.classes))


def _numbers(task: Task, split: Split) -> dict[str, int]:
    """The numbers of the classes of a task that a dataset labels."""
    labelled = set(labelled_names(task, split))
    return {name: n for n, name in enumerate(task.label_classes) if name in labelled}


def _background(task: Task, numbers: dict[str, int]) -> int:
    """What a class is to a task that a dataset does not label."""
    return next((numbers[name] for name in task.background if name in numbers), UNLABELLED)
