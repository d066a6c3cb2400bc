"""The tasks of merged datasets: which classes they have, and whose labels they take."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Sample, Source
from tasks import KINDS, Task
from utils.errors import DataError


def unite_tasks(kinds: Sequence[str], sources: Sequence[Source], options: dict) -> list[Task]:
    """The tasks of the merged data, in the order of `kinds`.

    A kind has one task where its datasets have the same classes, and otherwise one a dataset
    (`segmentation:VOC`, `segmentation:NYUD_MT`), each with a class space of its own.

    Args:
        options: the settings that tasks may take, by name (`Task.options`).

    Raises:
        DataError: no dataset has labels for a kind.
    """
    tasks = []
    for kind in kinds:
        having = [s for s in sources if any(kind in sample.labels for sample in s.samples)]
        if not having:
            names = ", ".join(source.name for source in sources)
            raise DataError(f"no dataset of the cfg has labels for {kind}: it names {names}")
        task = KINDS[kind]
        taken = {name: options[name] for name in task.options if name in options}
        spaces = {source.name: tuple(source.classes.get(kind, ())) for source in having}
        if len(set(spaces.values())) == 1:
            tasks.append(task(classes=next(iter(spaces.values())), **taken))
        else:
            tasks += [task(classes=c, dataset=name, **taken) for name, c in spaces.items()]
    return tasks


def has_label(task: Task, source: Source, sample: Sample) -> bool:
    """Whether the sample's label of this kind is one in the task's class space."""
    alike = tuple(source.classes.get(task.kind, ())) == task.classes
    return task.kind in sample.labels and alike and task.dataset in (None, source.name)
