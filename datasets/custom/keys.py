"""The keys of a section about the labels of a task."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
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
    of its labels. The task's aliases may stand for its name.
    """
    task = TASKS[task_type]
    aliases = [alias for alias, name in TASKS.aliases.items() if name == task_type]

    def key(ending: str, declared: Option) -> Option:
        return replace(declared, aliases=tuple(alias + ending for alias in aliases))

    pattern = option(None, f"a pattern or a list of the labels of {task_type}")
    keys = {task_type: (str | None, key("", pattern))}
    if task.has_classes:
        names = option((), f"the classes of {task_type}, where they are not those of `classes`")
        keys[f"{task_type}_classes"] = (tuple[str, ...], key("_classes", names))
    for name, declared in format_options(task).items():
        kind = declared.type if declared.is_list else declared.item_type | None
        declared = replace(declared, default=() if declared.is_list else None)
        keys[f"{task_type}_{name}"] = (kind, key(f"_{name}", declared))
    return keys


def key_of_option(name: str, labelled: Collection[str]) -> str | None:
    """The key that the name of a format's option stands for in a section, without that of a task;
    None where no format has such an option.

    Args:
        labelled: the task types that the section has labels for.

    Raises:
        ConfigError: it is about labels that the section does not have, or about those of several
            tasks.
    """
    with_option = sorted(task for task in TASKS if name in format_options(TASKS[task]))
    meant = [task for task in with_option if task in labelled]
    if len(meant) > 1:
        keys = " or ".join(f"{task}_{name}" for task in meant)
        raise ConfigError(f"{name} may mean {keys} here: write which")
    if with_option and not meant:
        raise ConfigError(
            f"{name} is about labels of {', '.join(with_option)}: the dataset names none of them"
        )
    return f"{meant[0]}_{name}" if meant else None


def formats_of(task: type[Task]) -> list[type[Format]]:
    """The formats of one file an image that a task's labels may have."""
    return [stored for stored in FORMATS if stored.label_type == task.label_type]


def format_options(task: type[Task]) -> dict[str, Option]:
    """The options of all formats that a task's labels may have, by name."""
    in_json = [stored for stored in JSON_FORMATS if stored.label_type == task.label_type]
    formats = (*formats_of(task), *in_json)
    return {name: declared for stored in formats for name, declared in stored.options.items()}
