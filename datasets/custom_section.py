"""A section `[dataset.<name>]` of a cfg: its keys, and which values they may have."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from typing import Any

from datasets.patterns import is_list, wildcards
from tasks import KINDS, SPELLINGS
from utils.errors import ConfigError, DataError
from utils.option import nearest

SPLIT = "{split}"
"""In a pattern: one of the two words of `split`."""


def _keys() -> dict[str, str]:
    """Every key that a section may have, and its full name: tasks have short names, and a number of
    theirs that no other task has goes by its own."""
    plain = ("root", "images", "split", "classes")
    names = {name: name for name in plain}
    arguments = [argument for task in KINDS.values() for argument in task.storage]
    for spelling, kind in SPELLINGS.items():
        names[spelling] = kind
        if KINDS[kind].has_classes:
            names[f"{spelling}_classes"] = f"{kind}_classes"
        for argument in KINDS[kind].storage:
            names[f"{spelling}_{argument}"] = f"{kind}_{argument}"
            if arguments.count(argument) == 1:
                names[argument] = f"{kind}_{argument}"
    return names


_KEYS = _keys()


class Section:
    """What a section says, checked as far as that goes without a look at the disk.

    Args:
        name: the dataset's name.
        values: the words of each key.
        wheres: the place in the cfg of each key, and of the section itself under "".

    Attributes:
        root: the folder, or None.
        images: the pattern or the list of the images.
        labels: the pattern or the file of the labels, by task kind.
        split: the share of the images to test on, or what `SPLIT` stands for to train and to test;
            None where it does not say.
        classes: the names of the classes by task kind, none for kinds without; None where the
            label's own file is to name them.
        storage: keyword arguments of `Task.read`, by kind.

    Raises:
        ConfigError: a key that there is not, or a value that cannot be; names the place.
    """

    def __init__(self, name: str, values: Mapping[str, Sequence[str]], wheres: Mapping[str, str]):
        self.name = name
        self._wheres = {"": wheres[""]}
        self._values = self._with_full_names(values, wheres)
        self.root = self._one("root")
        if "images" not in self._values:
            raise self.error("", f"the dataset {name} wants `images = …`")
        self.images = self._one("images")
        self.labels = {kind: self._one(kind) for kind in KINDS if kind in self._values}
        if not self.labels:
            kinds = ", ".join(KINDS)
            raise self.error("", f"the dataset {name} wants the labels of a task: {kinds}")
        self.split = self._split()
        self.storage = self._storage()
        self.classes = {kind: self._class_names(kind) for kind in self.labels}
        self._check_that_all_is_used()
        self._check_patterns()

    def where(self, key: str) -> str:
        """The place of a key in the cfg, or of the section where it does not have the key."""
        return self._wheres.get(key, self._wheres[""])

    def error(self, key: str, message: str) -> ConfigError:
        """A mistake in the value of a key, to be raised; in the section itself under ""."""
        return ConfigError(f"{self.where(key)}: {message}")

    def is_json(self, kind: str) -> bool:
        """Whether one COCO JSON holds the labels of this kind."""
        return self.labels[kind].endswith(".json") and not glob.has_magic(self.labels[kind])

    def pattern(self, key: str, split: str) -> str:
        """The pattern of the images or of a kind of labels, to train or to test."""
        pattern = self.images if key == "images" else self.labels[key]
        if not isinstance(self.split, tuple):
            return pattern
        return pattern.replace(SPLIT, self.split[split == "test"])

    def _with_full_names(self, values, wheres) -> dict[str, list[str]]:
        full: dict[str, list[str]] = {}
        for key, words in values.items():
            if key not in _KEYS:
                hint = nearest(key, _KEYS)
                raise ConfigError(f"{wheres[key]}: a dataset has no key '{key}'{hint}")
            name = _KEYS[key]
            if name in full:
                first = self._wheres[name]
                raise ConfigError(f"{wheres[key]}: {name} is given twice, first in {first}")
            full[name], self._wheres[name] = list(words), wheres[key]
        return full

    def _one(self, key: str) -> str | None:
        words = self._values.get(key)
        if words is not None and len(words) != 1:
            raise self.error(
                key,
                f"{key} wants one name, not {len(words)}; one that holds blanks stands in double "
                "quotes",
            )
        return words and words[0]

    def _split(self) -> float | tuple[str, str] | None:
        words = self._values.get("split")
        if words is None:
            return None
        if len(words) == 2 and words[0] != words[1]:
            return words[0], words[1]
        share = _number(float, words)
        if share is None or not 0 < share < 1:
            raise self.error(
                "split",
                "split wants a share to test on, above 0 and below 1, or two words that stand for "
                f"{SPLIT} to train and to test, not '{' '.join(words)}'",
            )
        return share

    def _storage(self) -> dict[str, dict[str, Any]]:
        storage: dict[str, dict[str, Any]] = {}
        for kind in self.labels:
            for argument, number in KINDS[kind].storage.items():
                key = f"{kind}_{argument}"
                if key not in self._values:
                    continue
                value = _number(number, self._values[key])
                if value is None or (number is float and not value > 0):
                    wanted = "a whole number" if number is int else "a number above 0"
                    given = " ".join(self._values[key])
                    raise self.error(key, f"{key} wants {wanted}, not '{given}'")
                storage.setdefault(kind, {})[argument] = value
        return storage

    def _class_names(self, kind: str) -> tuple[str, ...] | None:
        if not KINDS[kind].has_classes:
            return ()
        key = f"{kind}_classes" if f"{kind}_classes" in self._values else "classes"
        names = self._values.get(key)
        if names is None and self.is_json(kind):
            return None
        if not names:
            raise self.error(
                key if names is not None else kind,
                f"{kind} wants the names of its classes, as in `classes = bolt nut`",
            )
        for number, name in enumerate(names):
            if name in names[:number]:
                raise self.error(key, f"{key} names '{name}' twice")
            if name.endswith(","):
                raise self.error(key, f"{key}: blanks separate names, not commas: '{name}'")
        return tuple(names)

    def _check_that_all_is_used(self) -> None:
        used = {"root", "images", "split", *self.labels}
        for kind in self.labels:
            used |= {f"{kind}_{argument}" for argument in KINDS[kind].storage}
            used |= {"classes", f"{kind}_classes"} if KINDS[kind].has_classes else set()
        for key in self._values:
            if key not in used:
                raise self.error(key, f"{key} is about labels that the dataset does not name")

    def _check_patterns(self) -> None:
        names = {"images": self.images, **self.labels}
        for key, pattern in names.items():
            if SPLIT in pattern and not isinstance(self.split, tuple):
                raise self.error(key, f"what {SPLIT} stands for is missing: `split = train val`")
        if isinstance(self.split, tuple) and SPLIT not in self.images:
            raise self.error("split", f"images = {self.images} has no {SPLIT} for these words")
        for kind in self.labels:
            if not self.is_json(kind):
                self._check_goes_with_images(kind)
            elif not KINDS[kind].has_classes:
                raise self.error(kind, f"{kind} is not read from a JSON")

    def _check_goes_with_images(self, kind: str) -> None:
        pattern = self.labels[kind]
        if is_list(pattern) != is_list(self.images):
            raise self.error(
                kind, f"{pattern} and images = {self.images}: both are lists (.txt) or none is"
            )
        if is_list(pattern):
            return
        own, of_images = self._wildcards(kind, pattern), self._wildcards("images", self.images)
        if own != of_images:
            raise self.error(
                kind,
                f"wildcards in {pattern}: {own}, in images = {self.images}: {of_images}; a label "
                "belongs to the image whose wildcards matched the same text",
            )

    def _wildcards(self, key: str, pattern: str) -> int:
        try:
            return wildcards(pattern)
        except DataError as reason:
            raise self.error(key, str(reason)) from None


def _number(kind: type, words: Sequence[str]) -> Any:
    """The number that a single word stands for, else None."""
    try:
        return kind(words[0]) if len(words) == 1 else None
    except ValueError:
        return None
