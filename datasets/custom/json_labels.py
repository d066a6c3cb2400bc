"""Labels in one JSON for all images: COCO's form, and its panoptic one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets.base import Unmatched
from datasets.coco import load_annotations
from datasets.custom.image_names import match_names
from datasets.custom.sources import find
from datasets.formats import Label
from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.coco_json import BACKGROUND, CocoBoxes, CocoFormat, CocoMasks
from datasets.formats.panoptic import PanopticBoxes, PanopticMasks
from utils.errors import ConfigError, DataError
from utils.option import closest

JSON_FORMATS: tuple[type[CocoFormat], ...] = (CocoBoxes, CocoMasks, PanopticBoxes, PanopticMasks)
_PLAIN = {"boxes": CocoBoxes, "classes": CocoMasks}
_PANOPTIC = {"boxes": PanopticBoxes, "classes": PanopticMasks}

LABEL_TYPES = tuple(_PLAIN)
"""The sorts of labels that a JSON may hold."""


class JsonLabels:
    """The labels of one task.

    Args:
        task_type: the task.
        label_type: the sort of its labels.
        files: the JSON to train and to test, below the folder of the dataset; may be the same.
        images: the pattern of the images to train and to test.
        storage: the options of the format that the section gives, to train and to test.
    """

    def __init__(
        self,
        task_type: str,
        label_type: str,
        files: Mapping[str, str],
        images: Mapping[str, str],
        storage: Mapping[str, Mapping[str, Any]],
    ):
        self.task_type, self.label_type = task_type, label_type
        self.files, self.images, self.storage = files, images, storage

    def class_names(self, folder: Path) -> tuple[str, ...]:
        """The classes that the JSON to train on names."""
        annotations = self._annotations(folder, "train")
        return self._format(annotations).class_names_of(annotations)

    def outlines(self, folder: Path) -> bool:
        """See :attr:`datasets.formats.base.Format.outlines`. Any of the two files tells."""
        with suppress(DataError):
            return self._format(self._annotations(folder, "train")).outlines
        return self._format(self._annotations(folder, "test")).outlines

    def read(
        self, folder: Path, split: str, images: Mapping[Hashable, str], classes: tuple[str, ...]
    ) -> tuple[dict[Hashable, Label], Unmatched | None]:
        """The labels of a split by the keys of their images, and what belongs to no image.

        Raises:
            DataError: the file cannot be read.
            ConfigError: an option is about other labels.
        """
        annotations = self._annotations(folder, split)
        stored = self._build(annotations, classes, folder, split)
        names = dict.fromkeys(images.values())
        if len(set(self.files.values())) < len(set(self.images.values())):
            names |= self._names_of_other(folder, split)
        path = folder / self.files[split]
        rows, reasons = match_names(annotations.names, list(names), folder, path.parent)
        labels = {
            key: label
            for key, name in images.items()
            if name in rows and (label := stored.label(rows[name], folder / name))
        }
        return labels, _unmatched(annotations, reasons)

    def check_classes(
        self, folder: Path, split: str, classes: tuple[str, ...], key: str | None
    ) -> None:
        """Checks that the classes are those of the objects in the JSON.

        Args:
            key: that gives the classes; None where the JSON to train on does.

        Raises:
            ConfigError: objects are of no class, or no class is a category; names both.
        """
        annotations = self._annotations(folder, split)
        categories = self._format(annotations).class_names_of(annotations)
        file, counts = annotations.file, annotations.with_objects
        namer = key or f"the classes of {self.files['train']}"
        listed = [name for name in classes if name != BACKGROUND or name in categories]
        absent = [name for name in listed if name not in categories]
        for name in categories:
            if name in classes or name not in counts:
                continue
            alike = closest(name, absent)
            hint = f"; '{alike}' is no category: did you mean {name}?" if alike else ""
            raise ConfigError(
                f"{file}: the category '{name}' (objects: {counts[name]:,}) is not in {namer}, "
                f"which {_are(listed)}{hint}",
                key or self.task_type,
            )
        if absent == listed:
            raise ConfigError(
                f"{file}: none of its categories ({', '.join(categories)}) is in {namer}, which "
                f"{_are(listed)}",
                key or self.task_type,
            )

    def _names_of_other(self, folder: Path, split: str) -> dict[str, None]:
        """The images of the other split, which the same JSON serves."""
        other = {"train": "test", "test": "train"}[split]
        with suppress(DataError):  # which is told where that split is read
            return dict.fromkeys(find(folder, self.images[other]).values())
        return {}

    def _annotations(self, folder: Path, split: str) -> CocoAnnotations:
        return load_annotations(folder / self.files[split])

    def _format(self, annotations: CocoAnnotations) -> type[CocoFormat]:
        formats = _PLAIN if annotations.pngs is None else _PANOPTIC
        return formats[self.label_type]

    def _build(
        self, annotations: CocoAnnotations, classes: tuple[str, ...], folder: Path, split: str
    ) -> CocoFormat:
        """The format, which knows its options.

        Raises:
            ConfigError: one is about another format.
        """
        chosen = self._format(annotations)
        storage = self.storage[split]
        for name in storage:
            if name not in chosen.options:
                raise ConfigError(
                    f"{self.task_type}_{name} is not about the labels of {self.files[split]}",
                    f"{self.task_type}_{name}",
                )
        if chosen is PanopticMasks:
            return PanopticMasks(classes, annotations, folder, task_type=self.task_type, **storage)
        return chosen(classes, annotations, task_type=self.task_type)


def _are(names: list[str]) -> str:
    return f"are {', '.join(names)}" if len(names) > 1 else f"is {', '.join(names)}"


def _unmatched(annotations: CocoAnnotations, reasons: Mapping[int, str]) -> Unmatched | None:
    """What a JSON says of no image of the dataset.

    Args:
        reasons: by their places, why entries of 'images' mean no image.
    """
    faults = annotations.faults
    counts = Counter(reasons.values())
    named = [
        (annotations.names[row] or f"entry {row + 1} of 'images'", reasons[row])
        for row in list(reasons)[:1]
    ]
    if faults.orphans:
        name, reason = faults.orphan
        counts[f"an annotation {reason}"] += faults.orphans
        named.append((name, reason))
    if not named:
        return None
    example, reason = named[0]
    if len(counts) > 1:
        reason = "; ".join(f"{text} ({count:,})" for text, count in counts.most_common())
    return Unmatched(sum(counts.values()), example, reason)
