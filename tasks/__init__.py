"""What a task is, one file each. Every task in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from tasks.base import TASKS, Task

__all__ = ["TASKS", "Task", "task_class"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def task_class(name: str) -> type[Task]:
    """The class of a task by the task's own name, such as `segmentation:VOC`."""
    return TASKS[name.partition(":")[0]]
