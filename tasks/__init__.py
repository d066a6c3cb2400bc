"""What a task is, one file each. Every `Task` in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from tasks.base import Task


def _discover() -> dict[str, type[Task]]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {kind.kind: kind for kind in Task.__subclasses__()}


KINDS: dict[str, type[Task]] = dict(sorted(_discover().items()))
"""Every task of the program by its name in a cfg."""

SPELLINGS: dict[str, str] = {
    spelling: kind for kind, task in KINDS.items() for spelling in (kind, *task.aliases)
}
"""Every name by which a cfg may call a task, short ones as well, and the task it means."""
