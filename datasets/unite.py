"""The tasks of merged datasets: which classes they have, and whose labels they take."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from datasets.base import Sample, Source
from tasks import KINDS, Task
from utils.errors import DataError


def unite_tasks(
    kinds: Sequence[str], sources: Sequence[Source], options: dict, classes: str = "separate"
) -> list[Task]:
    """The tasks of the merged data, in the order of `kinds`.

    A kind has one task where its datasets have the same classes. Where they differ, `classes` says
    what becomes of it:

    - `separate`: one task a dataset (`segmentation:VOC`, `segmentation:NYUD_MT`), each with a class
      space and a head of its own.
    - `unite`: one task of the classes of all datasets, in the order in which they first appear.
      Those of one name are one, and names are compared to the letter: VOC's sofa is NYUD_MT's, and
      its diningtable is not NYUD_MT's table. A dataset does not know the classes that it lacks. In
      segmentation, its pixels of such a class count as what it calls them, be it background; in
      detection, its objects of such a class count as background.

    Args:
        options: the settings that tasks may take, by name (`Task.options`).

    Raises:
        DataError: no dataset has labels for a kind, or it has more classes than it can.
    """
    tasks = []
    for kind in kinds:
        having = [s for s in sources if any(kind in sample.labels for sample in s.samples)]
        if not having:
            names = ", ".join(source.name for source in sources)
            raise DataError(f"no dataset of the cfg has labels for {kind}: it names {names}")
        task = KINDS[kind]
        taken = {name: options[name] for name in task.options if name in options}
        spaces = {source.name: _classes(kind, source) for source in having}
        if classes == "unite" or len(set(spaces.values())) == 1:
            united = dict.fromkeys(name for space in spaces.values() for name in space)
            tasks.append(task(classes=tuple(united), **taken))
        else:
            tasks += [task(classes=c, dataset=name, **taken) for name, c in spaces.items()]
    return tasks


def has_label(task: Task, source: Source, sample: Sample) -> bool:
    """Whether the sample has a label of this kind whose classes are among the task's."""
    if task.kind not in sample.labels or task.dataset not in (None, source.name):
        return False
    own = _classes(task.kind, source)
    return own == task.classes or (bool(own) and set(own) <= set(task.classes))


def read_label(task: Task, source: Source, sample: Sample, size: tuple[int, int]) -> np.ndarray:
    """The stored label of an image of `size` (height, width), in the class numbers of the task.

    It is read in the dataset's own numbers, in which alone it can be checked, and carried over.

    Raises:
        DataError: the file is missing or damaged; names it.
    """
    label, storage = sample.labels[task.kind], source.storage.get(task.kind, {})
    own = _classes(task.kind, source)
    if own == task.classes:
        return task.read(label, size, **storage)
    reader = copy.copy(task)
    reader.classes = own
    return task.carry_over(reader.read(label, size, **storage), own)


def _classes(kind: str, source: Source) -> tuple[str, ...]:
    return tuple(source.classes.get(kind, ()))
