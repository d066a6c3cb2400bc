"""The keys of a section about the labels of a task."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from datasets.custom.json_labels import JSON_FORMATS
from datasets.formats import FORMATS, Format
from tasks import TASKS, Task
from utils.errors import ConfigError, DataError
from utils.option import Option, option


def is_given(value: Any) -> bool:
    """Whether a section gives the value of a key, of which none has a default."""
    return value not in (None, ())


@contextlib.contextmanager
def told_at(key: str) -> Iterator[None]:
    """Turns faults of the data into mistakes in the value of a key."""
    try:
        yield
    except DataError as reason:
        raise ConfigError(str(reason), key) from None


def label_options(task_type: str) -> dict[str, tuple[Any, Option]]:
    """The keys of a section about the labels of a task: the types of their values, and the options.

    They are the task's name, `<task>_classes`, and `<task>_<option>` for the options of the formats
    of its labels. The task's aliases may stand for its name, and an option that no other task has
    may go by its name alone.
    """
    task = TASKS[task_type]
    aliases = [alias for alias, name in TASKS.aliases.items() if name == task_type]
    tasks_with = Counter(name for other in TASKS.values() for name in format_options(other))

    def key(ending: str, declared: Option, *other_names: str) -> Option:
        return replace(declared, aliases=(*(alias + ending for alias in aliases), *other_names))

    pattern = option(None, f"a pattern or a list of the labels of {task_type}")
    keys = {task_type: (str | None, key("", pattern))}
    if task.has_classes:
        names = option((), f"the classes of {task_type}, where they are not those of `classes`")
        keys[f"{task_type}_classes"] = (tuple[str, ...], key("_classes", names))
    for name, declared in format_options(task).items():
        kind = declared.type if declared.is_list else declared.item_type | None
        declared = replace(declared, default=() if declared.is_list else None)
        alone = [name] if tasks_with[name] == 1 else []
        keys[f"{task_type}_{name}"] = (kind, key(f"_{name}", declared, *alone))
    return keys


def formats_of(task: type[Task]) -> list[type[Format]]:
    """The formats of one file an image that a task's labels may have."""
    return [stored for stored in FORMATS if stored.label_type == task.label_type]


def format_options(task: type[Task]) -> dict[str, Option]:
    """The options of all formats that a task's labels may have, by name."""
    in_json = [stored for stored in JSON_FORMATS if stored.label_type == task.label_type]
    formats = (*formats_of(task), *in_json)
    return {name: declared for stored in formats for name, declared in stored.options.items()}
