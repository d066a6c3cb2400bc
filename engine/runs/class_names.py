"""Whether the classes of the cfg's own datasets are those that their files name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets.base import Split
from engine.runs.data import Data
from utils.errors import ConfigError, DataError
from utils.option import nearest
from utils.option_names import DATASET

if TYPE_CHECKING:
    from engine.config import Config


def check_class_names(config: Config, data: Data) -> None:
    """Compares the class names of the cfg with those in the files of its own datasets, before
    anything is trained. Names that no file has are noted in `data.notes`; so are those that no list
    has where damaged files are skipped.

    Raises:
        ConfigError: a file names a class that the cfg does not.
    """
    splits = [*data.train.splits, *data.val.splits, *data.test.splits]
    for name in config.used_datasets():
        parts = [split for split in splits if split.name == name]
        for task in data.tasks:
            if task.has_classes and task.dataset in (None, name):
                _check(config, data, task.task_type, parts)


def _check(config: Config, data: Data, task_type: str, splits: list[Split]) -> None:
    """Compares the names of one dataset's labels."""
    if not (files := _names(task_type, splits)):
        return
    name, classes = splits[0].name, splits[0].classes[task_type]
    unknown = [known for known in files if known not in classes]
    if unknown:
        message = f"{files[unknown[0]]}: unknown class '{unknown[0]}'{nearest(unknown[0], classes)}"
        if config.loading.on_bad_sample != "skip":
            with config.located(f"{DATASET}.{name}"):
                raise ConfigError(message, _key(config, name, task_type))
        data.notes.append(message)
    if missing := [known for known in classes if known not in files]:
        data.notes.append(f"{name} {task_type}: no file has an object of {', '.join(missing)}")


def _names(task_type: str, splits: list[Split]) -> dict[str, str]:
    """The class names in the files, each with a file that has it."""
    files: dict[str, str] = {}
    for split in splits:
        for sample in split.samples:
            if label := sample.labels.get(task_type):
                try:
                    for name in label.format.class_names(label):
                        files.setdefault(name, str(label.file))
                except DataError:  # told where the label is read
                    continue
    return files


def _key(config: Config, name: str, task_type: str) -> str:
    """The key of the section that lists the classes."""
    given = config.datasets[name].settings
    return f"{task_type}_classes" if given.get(f"{task_type}_classes") else "classes"
