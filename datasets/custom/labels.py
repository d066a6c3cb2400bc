"""The labels of one task in a dataset of the user's own: where they are, and in which format."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets.base import Unmatched
from datasets.custom.division import Division
from datasets.custom.json_labels import LABEL_TYPES, JsonLabels
from datasets.custom.keys import format_options, formats_of, is_given, told_at
from datasets.custom.patterns import Names, has_wildcards, literal, wildcards
from datasets.custom.sources import find, row_count
from datasets.custom.tables import is_list, list_path
from datasets.custom.unmatched import unmatched_files
from datasets.custom.yolo_data import LABEL_SUFFIX, YoloData
from datasets.custom.yolo_labels import NO_OBJECTS, yolo_labels
from datasets.custom.yolo_yaml import YoloYaml, is_yaml
from datasets.formats import Format, Label
from datasets.formats.coco_json import BACKGROUND
from tasks import TASKS
from utils.errors import ConfigError, DataError

_SPLITS = ("train", "test")


class CustomLabels:
    """The labels of one task.

    Args:
        settings: the values of the section's keys.
        division: which images serve to train, and which to test.

    Attributes:
        pattern: of the files; or one file for all, or a list.
        storage: the options of the format that the section gives.
        class_key: the key that names the classes; None where the file of the labels does.

    Raises:
        ConfigError: a value cannot be; names the key.
    """

    def __init__(self, task_type: str, settings: Mapping[str, Any], division: Division):
        self.task_type = task_type
        self.task = TASKS[task_type]
        self.pattern: str = settings[task_type]
        self.images: str = settings["images"]
        self.division = division
        self.is_json = self.pattern.endswith(".json") and not has_wildcards(self.pattern)
        self.names_classes = self.is_json or is_yaml(self.pattern)
        values = {name: settings[f"{task_type}_{name}"] for name in format_options(self.task)}
        self.storage = {name: value for name, value in values.items() if is_given(value)}
        self.class_key: str | None = None
        self.class_names = self._class_names(settings) if self.task.has_classes else ()
        self._check_pattern()
        self.json = self._json() if self.is_json else None

    @property
    def may_count_background(self) -> bool:
        """Whether the number 0 of the labels may be the background: so with masks of numbers, a
        file an image, unless the section says which number or colour a class has."""
        drawn = not is_list(self.pattern) and self._suffix() in self._drawn_suffixes()
        return (
            bool(self.task.background)
            and not (self.is_json or drawn)
            and not self.storage.keys() & {"first", "numbers", "colours"}
        )

    def read(
        self, folder: Path, split: str, images: Names
    ) -> tuple[dict[Hashable, Label], Unmatched | None]:
        """The labels of a split by the keys of their images, and those that belong to no image of
        the section.

        Args:
            images: all images that the labels may belong to.

        Raises:
            ConfigError: there are none, none belongs to an image, or lists have different lengths.
        """
        if is_yaml(self.pattern):
            with told_at(self.task_type):
                stored = self._format(LABEL_SUFFIX, folder)
                self._require_used([stored])
                return yolo_labels(YoloData(folder, self.pattern), images, stored)
        if self.json:
            labels, unmatched, example, reason = self._read_json(folder, split, images)
        else:
            labels, unmatched, example, reason = self._read_files(folder, split, images)
        if not labels.keys() & images.keys():
            raise ConfigError(
                f"{self._in(split)} belongs to no image: it has {example}, and images = "
                f"{self.division.fill(self.images, split)} has {next(iter(images.values()))}; "
                f"{reason}",
                self.task_type,
            )
        return labels, unmatched

    def classes(self, folder: Path) -> tuple[str, ...]:
        """The names of the classes; where a JSON names them, it is the one to train on. Those that
        are drawn from outlines have the task's background in front, where they do not name it."""
        with told_at(self.task_type):
            names = self.class_names if self.class_names is not None else self._named_in(folder)
            missing = tuple(name for name in self.task.background if name not in names)
            return (*missing, *names) if missing and self._are_outlines(folder) else names

    def _named_in(self, folder: Path) -> tuple[str, ...]:
        """The classes that the file of the labels names."""
        if self.json:
            return self.json.class_names(folder)
        file = YoloYaml.load(folder / literal(self.pattern))
        return file.classes_of_objects(self.task.background)

    def _read_json(self, folder: Path, split: str, images: Names):
        """The labels, those that belong to no image, an example of the latter and the reason."""
        classes = self.classes(folder)
        with told_at(self.task_type):
            self.json.check_classes(folder, split, classes, self.class_key)
            labels, unmatched = self.json.read(folder, split, images, classes)
        return (
            labels,
            unmatched,
            *((unmatched.example, unmatched.reason) if unmatched else ("", "")),
        )

    def _read_files(self, folder: Path, split: str, images: Names):
        """The same of a file an image."""
        with told_at(self.task_type):
            files = find(folder, self._in(split))
        self._check_lengths(folder, split)
        formats = {suffix: self._format(suffix, folder) for suffix in map(_suffix, files.values())}
        self._require_used(formats.values())
        labels = {
            key: Label(formats[_suffix(name)], (folder / name,)) for key, name in files.items()
        }
        unmatched = unmatched_files(files, images, self._other_images(folder, split))
        reason = "a label belongs to the image whose wildcards matched the same text"
        if unmatched and unmatched.reason:
            reason += f": {unmatched.example}: {unmatched.reason}"
        return labels, unmatched, next(iter(files.values())), reason

    def _in(self, split: str) -> str:
        return self.division.fill(self.pattern, split)

    def _other_images(self, folder: Path, split: str) -> Iterable[Hashable]:
        """The keys of the images of the other split, where the same labels serve both."""
        other = {"train": "test", "test": "train"}[split]
        images = self.division.fill(self.images, other)
        if self._in(other) == self._in(split) and images != self.division.fill(self.images, split):
            with suppress(DataError):
                return find(folder, images)
        return ()

    def _format(self, suffix: str, folder: Path) -> Format:
        """The format of the files with this suffix; the first one where no format has it."""
        known = [s for s in formats_of(self.task) if not s.chosen_by or s.chosen_by in self.storage]
        known.sort(key=lambda stored: not stored.chosen_by)
        chosen = next((stored for stored in known if suffix in stored.suffixes), known[0])
        if chosen.outlines != self._are_outlines(folder):
            raise ConfigError(
                f"{self.pattern} holds masks of numbers and outlines of objects; only classes of "
                "outlines get the background in front: make two sections of them",
                self.task_type,
            )
        storage = {name: v for name, v in self.storage.items() if name in chosen.options}
        try:
            classes = self.classes(folder)
            return chosen(classes, task_type=self.task_type, **chosen.located(storage, folder))
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

    def _json(self) -> JsonLabels:
        files, images = (
            {split: self.division.fill(pattern, split) for split in _SPLITS}
            for pattern in (literal(self.pattern), self.images)
        )
        storage = {
            split: {
                name: self.division.fill(value, split) if isinstance(value, str) else value
                for name, value in self.storage.items()
            }
            for split in _SPLITS
        }
        return JsonLabels(self.task_type, self.task.label_type, files, images, storage)

    def _are_outlines(self, folder: Path) -> bool:
        """See :attr:`datasets.formats.base.Format.outlines`."""
        if self.json:
            return self.json.outlines(folder)
        drawn, suffix = self._drawn_suffixes(), self._suffix()
        if not drawn or not (is_list(self.pattern) or suffix == ".*"):
            return suffix in drawn
        for split in _SPLITS:
            with suppress(DataError):  # told where the split is read
                return _suffix(next(iter(find(folder, self._in(split)).values()))) in drawn
        return False

    def _suffix(self) -> str:
        return LABEL_SUFFIX if is_yaml(self.pattern) else _suffix(self.pattern)

    def _drawn_suffixes(self) -> set[str]:
        """The suffixes of files whose labels are drawn from outlines."""
        return {suffix for s in formats_of(self.task) if s.outlines for suffix in s.suffixes}

    def _class_names(self, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        key = f"{self.task_type}_classes" if settings[f"{self.task_type}_classes"] else "classes"
        names = settings[key]
        if names and is_yaml(self.pattern):
            raise ConfigError(f"{self.pattern} names the classes itself: remove {key}", key)
        if key == "classes" and self.task.label_type == "boxes":
            # It names the classes of masks as well, of which no object is the background.
            names = tuple(name for name in names if name != BACKGROUND)
        if not names and self.names_classes:
            return None
        self.class_key = key
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
        if is_yaml(pattern):
            if label_type not in NO_OBJECTS:
                mistake = f"{self.task_type} is not read from a data.yaml"
            elif pattern != images:
                mistake = f"{pattern} and images = {images}: both are the same data.yaml"
        elif self.is_json:
            if label_type not in LABEL_TYPES:
                mistake = f"{self.task_type} is not read from a JSON"
        elif not formats_of(self.task):
            mistake = f"there is no format of labels of the type '{label_type}'"
        elif is_yaml(images):
            mistake = f"the labels of images = {images} are in a data.yaml as well, or in a JSON"
        elif is_list(pattern) != is_list(images):
            mistake = f"{pattern} and images = {images}: both are lists (.txt, .csv) or none is"
        elif not is_list(pattern):
            mistake = self._other_wildcards()
        if mistake:
            raise ConfigError(mistake, self.task_type)

    def _other_wildcards(self) -> str | None:
        """Why labels and images cannot be matched by their wildcards."""
        with told_at("images"):
            of_images = wildcards(self.images)
        with told_at(self.task_type):
            count = wildcards(self.pattern)
        if count == of_images:
            return None
        return (
            f"wildcards in {self.pattern}: {count}, in images = {self.images}: {of_images}; a "
            "label belongs to the image whose wildcards matched the same text"
        )

    def _check_lengths(self, folder: Path, split: str) -> None:
        labels, images = self._in(split), self.division.fill(self.images, split)
        if not is_list(labels) or list_path(folder, labels) == list_path(folder, images):
            return
        counts = row_count(folder, labels), row_count(folder, images)
        if counts[0] != counts[1]:
            raise ConfigError(
                f"{list_path(folder, labels)} has {counts[0]} lines, and "
                f"{list_path(folder, images)} has {counts[1]}; line n of the one belongs to line n "
                "of the other, `-` says that there is none",
                self.task_type,
            )


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()
