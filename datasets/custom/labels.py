"""The labels of one task in a dataset of the user's own: the keys about them, and their files."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets.base import Unmatched
from datasets.coco import load_annotations
from datasets.custom.division import Division
from datasets.custom.keys import format_options, formats_of, is_given, told_at
from datasets.custom.patterns import Names, has_wildcards, literal, wildcards
from datasets.custom.sources import find, row_count
from datasets.custom.tables import is_list, list_path
from datasets.custom.unmatched import unmatched_files
from datasets.custom.yolo_data import LABEL_SUFFIX, YoloData
from datasets.custom.yolo_labels import NO_OBJECTS, yolo_labels
from datasets.custom.yolo_yaml import YoloYaml, is_yaml
from datasets.formats import Format, Label
from datasets.formats.coco_json import CocoAnnotations, CocoBoxes, CocoMasks
from tasks import TASKS
from utils.errors import ConfigError, DataError

_JSON_FORMATS = {stored.label_type: stored for stored in (CocoBoxes, CocoMasks)}


class CustomLabels:
    """The labels of one task.

    Args:
        settings: the values of the section's keys.
        division: which images serve to train, and which to test.

    Attributes:
        pattern: of the files; or one file for all, or a list.
        storage: the options of the format that the section gives.
        class_names: None where the JSON of the labels names the classes.

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
        values = {name: settings[f"{task_type}_{name}"] for name in format_options(self.task)}
        self.storage = {name: value for name, value in values.items() if is_given(value)}
        self.class_names = self._class_names(settings) if self.task.has_classes else ()
        self._check_pattern()

    @property
    def may_count_background(self) -> bool:
        """Whether the number 0 of the labels may be the background: so with masks of numbers, a
        file an image, unless the section says which number or colour a class has."""
        suffix = LABEL_SUFFIX if is_yaml(self.pattern) else _suffix(self.pattern)
        drawn = not is_list(self.pattern) and any(
            stored.outlines and suffix in stored.suffixes for stored in formats_of(self.task)
        )
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
        unmatched = None
        if is_yaml(self.pattern):
            with told_at(self.task_type):
                stored = self._format(LABEL_SUFFIX, folder)
                self._require_used([stored])
                return yolo_labels(YoloData(folder, self.pattern), images, stored)
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
            unmatched = unmatched_files(files, images, self._other_images(folder, split))
            example = next(iter(files.values()))
            how = "a label belongs to the image whose wildcards matched the same text"
            if unmatched and unmatched.reason:
                how += f": {unmatched.example}: {unmatched.reason}"
        if not labels.keys() & images.keys():
            raise ConfigError(
                f"{self._in(split)} belongs to no image: it has {example}, and images = "
                f"{self.division.fill(self.images, split)} has {next(iter(images.values()))}; "
                f"{how}",
                self.task_type,
            )
        return labels, unmatched

    def classes(self, folder: Path) -> tuple[str, ...]:
        """The names of the classes; where a COCO JSON names them, it is the one to train on."""
        if self.class_names is not None:
            return self.class_names
        if is_yaml(self.pattern):
            with told_at(self.task_type):
                objects = YoloYaml.load(folder / literal(self.pattern)).classes_of_objects(
                    self.task.background
                )
        else:
            objects = self._annotations(folder, "train").classes
        return (*(name for name in self.task.background if name not in objects), *objects)

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
        storage = {name: v for name, v in self.storage.items() if name in chosen.options}
        try:
            return chosen(self.classes(folder), **chosen.located(storage, folder))
        except ConfigError as mistake:
            raise ConfigError(str(mistake), f"{self.task_type}_{mistake.option}") from None

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
            return load_annotations(folder / literal(self._in(split)), classes)

    def _class_names(self, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        key = f"{self.task_type}_classes" if settings[f"{self.task_type}_classes"] else "classes"
        names = settings[key]
        if names and is_yaml(self.pattern):
            raise ConfigError(f"{self.pattern} names the classes itself: remove {key}", key)
        if not names and (self.is_json or is_yaml(self.pattern)):
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
        if is_yaml(pattern):
            if label_type not in NO_OBJECTS:
                mistake = f"{self.task_type} is not read from a data.yaml"
            elif pattern != images:
                mistake = f"{pattern} and images = {images}: both are the same data.yaml"
        elif self.is_json:
            if label_type not in _JSON_FORMATS:
                mistake = f"{self.task_type} is not read from a JSON"
        elif not formats_of(self.task):
            mistake = f"there is no format of labels of the type '{label_type}'"
        elif is_yaml(images):
            mistake = f"the labels of images = {images} are in a data.yaml as well, or in a JSON"
        elif is_list(pattern) != is_list(images):
            mistake = f"{pattern} and images = {images}: both are lists (.txt, .csv) or none is"
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
