"""The labels of one task in a dataset of the user's own: the keys about them, and their files."""

from __future__ import annotations

import contextlib
import glob
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets.coco import load_annotations
from datasets.custom.patterns import find, is_list, line_count, wildcards
from datasets.formats import FORMATS, Format, Label
from datasets.formats.coco_json import CocoAnnotations, CocoBoxes, CocoMasks
from tasks import TASKS, Task
from utils.errors import ConfigError, DataError
from utils.option import Option, option

SPLIT = "{split}"
"""In a pattern: one of the two words of `split`."""

Names = Mapping[Hashable, str]
"""Files below the dataset's folder by their keys; see `datasets.custom.patterns`."""

_JSON_FORMATS = {stored.label_type: stored for stored in (CocoBoxes, CocoMasks)}


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


def in_split(pattern: str, words: tuple[str, str] | None, split: str) -> str:
    """A pattern to train or to test; `words` are what `SPLIT` stands for in each."""
    return pattern.replace(SPLIT, words[split == "test"]) if words else pattern


def label_options(task_type: str) -> dict[str, tuple[Any, Option]]:
    """The keys of a section about the labels of a task: the types of their values, and the options.

    They are the task's name, `<task>_classes`, and `<task>_<option>` for the options of the formats
    of its labels. The task's aliases may stand for its name, and an option that no other task has
    may go by its name alone.
    """
    task = TASKS[task_type]
    aliases = [alias for alias, name in TASKS.aliases.items() if name == task_type]
    tasks_with = Counter(name for other in TASKS.values() for name in _format_options(other))

    def key(ending: str, declared: Option, *other_names: str) -> Option:
        return replace(declared, aliases=(*(alias + ending for alias in aliases), *other_names))

    pattern = option(None, f"a pattern or a list of the labels of {task_type}")
    keys = {task_type: (str | None, key("", pattern))}
    if task.has_classes:
        names = option((), f"the classes of {task_type}, where they are not those of `classes`")
        keys[f"{task_type}_classes"] = (tuple[str, ...], key("_classes", names))
    for name, declared in _format_options(task).items():
        kind = declared.type if declared.is_list else declared.item_type | None
        declared = replace(declared, default=() if declared.is_list else None)
        alone = [name] if tasks_with[name] == 1 else []
        keys[f"{task_type}_{name}"] = (kind, key(f"_{name}", declared, *alone))
    return keys


class CustomLabels:
    """The labels of one task.

    Args:
        settings: the values of the section's keys.
        words: what `SPLIT` stands for to train and to test, where the section says so.

    Attributes:
        pattern: of the files; or one file for all, or a list.
        storage: the options of the format that the section gives.
        class_names: None where the JSON of the labels names the classes.

    Raises:
        ConfigError: a value cannot be; names the key.
    """

    def __init__(self, task_type: str, settings: Mapping[str, Any], words: tuple[str, str] | None):
        self.task_type = task_type
        self.task = TASKS[task_type]
        self.pattern: str = settings[task_type]
        self.images: str = settings["images"]
        self.words = words
        self.is_json = self.pattern.endswith(".json") and not glob.has_magic(self.pattern)
        values = {name: settings[f"{task_type}_{name}"] for name in _format_options(self.task)}
        self.storage = {name: value for name, value in values.items() if is_given(value)}
        self.class_names = self._class_names(settings) if self.task.has_classes else ()
        self._check_pattern()

    @property
    def may_count_background(self) -> bool:
        """Whether the number 0 of the labels may be the background: so with masks of numbers, a
        file an image, unless the section says which number or colour a class has."""
        suffix = _suffix(self.pattern)
        drawn = any(stored.outlines and suffix in stored.suffixes for stored in _formats(self.task))
        return (
            bool(self.task.background)
            and not (self.is_json or drawn)
            and not self.storage.keys() & {"first", "numbers", "colours"}
        )

    def read(self, folder: Path, split: str, images: Names) -> dict[Hashable, Label]:
        """The labels of a split by the keys of their images.

        Raises:
            ConfigError: there are none, none belongs to an image, or lists have different lengths.
        """
        if self.is_json:
            annotations = self._annotations(folder, split)
            stored = _JSON_FORMATS[self.task.label_type](self.classes(folder), annotations)
            labels = {key: stored.label(image) for key, image in images.items()}
            labels = {key: label for key, label in labels.items() if label}
            example, how = annotations.names[0], "the images that it names are not these"
        else:
            with told_at(self.task_type):
                files = find(folder, self._in(split))
            self._check_lengths(folder, split)
            formats = {
                suffix: self._format(suffix, folder) for suffix in map(_suffix, files.values())
            }
            self._require_used(formats.values())
            labels = {
                key: Label(formats[_suffix(name)], (folder / name,)) for key, name in files.items()
            }
            example = next(iter(files.values()))
            how = "a label belongs to the image whose wildcards matched the same text"
        if not labels.keys() & images.keys():
            raise ConfigError(
                f"{self._in(split)} belongs to no image: it has {example}, and images = "
                f"{in_split(self.images, self.words, split)} has {next(iter(images.values()))}; "
                f"{how}",
                self.task_type,
            )
        return labels

    def classes(self, folder: Path) -> tuple[str, ...]:
        """The names of the classes; where a COCO JSON names them, it is the one to train on."""
        if self.class_names is not None:
            return self.class_names
        objects = self._annotations(folder, "train").classes
        return (*(name for name in self.task.background if name not in objects), *objects)

    def _in(self, split: str) -> str:
        return in_split(self.pattern, self.words, split)

    def _format(self, suffix: str, folder: Path) -> Format:
        """The format of the files with this suffix; the first one where no format has it."""
        known = [s for s in _formats(self.task) if not s.chosen_by or s.chosen_by in self.storage]
        known.sort(key=lambda stored: not stored.chosen_by)
        chosen = next((stored for stored in known if suffix in stored.suffixes), known[0])
        storage = {name: v for name, v in self.storage.items() if name in chosen.options}
        try:
            return chosen(self.classes(folder), **chosen.located(storage, folder))
        except ConfigError as mistake:
            key = mistake.option
            key = f"{self.task_type}_{key}" if key in chosen.options else key
            raise ConfigError(str(mistake), key) from None

    def _require_used(self, formats: Iterable[Format]) -> None:
        """Checks that every option of the labels means something for the format of some file."""
        known = {name for stored in formats for name in stored.options}
        for name in self.storage:
            if name not in known:
                key = f"{self.task_type}_{name}"
                raise ConfigError(f"{key} means nothing for the labels {self.pattern}", key)

    def _annotations(self, folder: Path, split: str) -> CocoAnnotations:
        """The contents of a COCO JSON, in which the one to test on has the classes of the other."""
        classes = self.class_names
        if classes is None and self._in("train") != self._in(split):
            classes = self._annotations(folder, "train").classes
        with told_at(self.task_type):
            return load_annotations(folder / self._in(split), classes)

    def _class_names(self, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        key = f"{self.task_type}_classes" if settings[f"{self.task_type}_classes"] else "classes"
        names = settings[key]
        if not names and self.is_json:
            return None
        if not names:
            raise ConfigError(
                f"{self.task_type} wants the names of its classes, as in `classes = bolt nut`",
                self.task_type,
            )
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ConfigError(f"{key} names '{name}' twice", key)
        return names

    def _check_pattern(self) -> None:
        """Checks that the labels have a format, and are found as the images are."""
        pattern, images, label_type = self.pattern, self.images, self.task.label_type
        mistake = None
        if self.is_json:
            if label_type not in _JSON_FORMATS:
                mistake = f"{self.task_type} is not read from a JSON"
        elif not _formats(self.task):
            mistake = f"there is no format of labels of the type '{label_type}'"
        elif is_list(pattern) != is_list(images):
            mistake = f"{pattern} and images = {images}: both are lists (.txt) or none is"
        elif not is_list(pattern):
            with told_at("images"):
                of_images = wildcards(images)
            with told_at(self.task_type):
                count = wildcards(pattern)
            if count != of_images:
                mistake = (
                    f"wildcards in {pattern}: {count}, in images = {images}: {of_images}; a label "
                    "belongs to the image whose wildcards matched the same text"
                )
        if mistake:
            raise ConfigError(mistake, self.task_type)

    def _check_lengths(self, folder: Path, split: str) -> None:
        if not is_list(self.pattern):
            return
        labels, images = folder / self._in(split), folder / in_split(self.images, self.words, split)
        counts = line_count(labels), line_count(images)
        if counts[0] != counts[1]:
            raise ConfigError(
                f"{labels} has {counts[0]} lines, and {images} has {counts[1]}; line n of the one "
                "belongs to line n of the other, `-` says that there is none",
                self.task_type,
            )


def _formats(task: type[Task]) -> list[type[Format]]:
    """The formats of one file an image that a task's labels may have."""
    return [stored for stored in FORMATS if stored.label_type == task.label_type]


def _format_options(task: type[Task]) -> dict[str, Option]:
    return {name: declared for s in _formats(task) for name, declared in s.options.items()}


def _suffix(name: str) -> str:
    return Path(name).suffix
