"""Which dataset labels which classes of the merged tasks, and names that may mean the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from datasets.unite import build_tasks, class_map, class_numbers, labelled_names
from engine.modes.check.scan import ScanResult
from tasks import Task
from utils.cfg_file import quote
from utils.errors import DataError

if TYPE_CHECKING:
    from engine.config import Config

LABELLED, NEVER, NOT_LABELLED = "labelled", "never seen", "not labelled"
_SIGNS = {LABELLED: "+", NEVER: "0", NOT_LABELLED: "-"}

_ALIKE = 0.8  # of two names with at least so many letters, the share that is alike
_LETTERS = 5

ClassTable = dict[str, dict[str, dict[str, str]]]
"""Task -> dataset -> class -> whether the dataset labels it: `LABELLED`, `NEVER`, `NOT_LABELLED`,
or the name of the coarse class that holds it."""


def class_table(config: Config, results: Sequence[ScanResult]) -> ClassTable:
    """The classes of every task that has some, by the datasets that have labels for it."""
    train = [result.data for result in results if result.part == "train"]
    try:
        tasks = build_tasks(config.run.tasks, train, config.data.classes)
    except DataError:  # told with the faults of the data
        return {}
    table = {task.name: _of_task(task, results) for task in tasks if task.has_classes}
    return {task: datasets for task, datasets in table.items() if datasets}


def _of_task(task: Task, results: Sequence[ScanResult]) -> dict[str, dict[str, str]]:
    datasets: dict[str, dict[str, str]] = {}
    for result in results:
        name, counted = result.data.name, result.statistics.get(task.task_type)
        if counted is None or task.dataset not in (None, name):
            continue
        if not labelled_names(task, result.data):
            continue
        states = datasets.setdefault(name, _without_counts(task, result))
        numbers = class_numbers(task, result.data)
        counts = counted.result()["classes"].values()
        for number, count in zip(numbers, counts, strict=True):
            if number >= 0 and count and states[task.label_classes[number]] == NEVER:
                states[task.label_classes[number]] = LABELLED
    return datasets


def _without_counts(task: Task, result: ScanResult) -> dict[str, str]:
    """The classes of a task as a dataset labels them of which no label has been counted yet."""
    labelled = labelled_names(task, result.data)
    states = {}
    for name, known in zip(task.classes, class_map(task, result.data).tolist(), strict=True):
        is_held = known >= len(task.classes)
        states[name] = task.label_classes[known] if is_held else NOT_LABELLED
    states |= {name: NEVER for name in task.label_classes if name in labelled}
    return {name: states.get(name, NOT_LABELLED) for name in task.label_classes}


def table_in_words(table: ClassTable) -> list[str]:
    """A line a class, of the tasks of which a dataset does not label all classes."""
    lines = []
    for task, datasets in table.items():
        rows = {name: [states[name] for states in datasets.values()] for name in _classes(datasets)}
        if all(state in (LABELLED, NEVER) for states in rows.values() for state in states):
            continue
        width = max(map(len, rows))
        lines.append(f"classes of {task} (+ labelled, 0 labelled and never seen, - not labelled):")
        lines.append("  ".join(["  " + " " * width, *datasets]))
        for name, states in rows.items():
            cells = [
                _SIGNS.get(state, f"as {state}").ljust(len(dataset))
                for state, dataset in zip(states, datasets, strict=True)
            ]
            lines.append("  ".join([f"  {name.ljust(width)}", *cells]).rstrip())
        lines.append("")
    return lines


def near_names(table: ClassTable) -> list[str]:
    """A line for each two classes of a task that may be one under two names, in two datasets."""
    return [
        f"{task}: '{first}' ({', '.join(_labelling(datasets, first))}) and '{second}' "
        f"({', '.join(_labelling(datasets, second))}) are two classes; where they mean the same: "
        f"aliases = {quote(f'{second}:{first}')}"
        for task, datasets in table.items()
        for first, second in _near_pairs(datasets)
    ]


def _near_pairs(datasets: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for first, second in itertools.combinations(_classes(datasets), 2):
        labelling = [set(_labelling(datasets, name)) for name in (first, second)]
        if all(labelling) and labelling[0].isdisjoint(labelling[1]) and _are_near(first, second):
            yield first, second


def _are_near(first: str, second: str) -> bool:
    """Whether two names have the same letters, but for a plural or a few of them, or one is the
    other and another word."""
    short, long = sorted((_letters(first), _letters(second)), key=len)
    if long in (short, f"{short}s", f"{short}es"):
        return True
    if len(long) - len(short) >= _LETTERS and (long.startswith(short) or long.endswith(short)):
        return True
    return len(short) >= _LETTERS and SequenceMatcher(None, short, long).ratio() >= _ALIKE


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _classes(datasets: dict[str, dict[str, str]]) -> list[str]:
    return list(next(iter(datasets.values())))


def _labelling(datasets: dict[str, dict[str, str]], name: str) -> list[str]:
    """The datasets that label a class."""
    return [d for d, states in datasets.items() if states[name] in (LABELLED, NEVER)]
