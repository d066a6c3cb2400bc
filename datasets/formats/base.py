"""What a format is, and what a label is: files, and the format that decodes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from datasets.formats.stored_maps import map_head, map_size
from tasks.base import TASKS
from utils.part import Part

FORMATS: list[type[Format]] = []
"""Every format of one file an image. A class that states its `suffixes` adds itself."""


class Format(Part, ABC):
    """Decodes labels into the targets of a task.

    The options of a format are those that a cfg may give for a dataset of the user's own, such as
    the unit of depths.

    Args:
        classes: the names of the dataset's classes, in the order of their numbers.
        task_type: the task whose labels these are, after which errors name the keys of a cfg; by
            default the first of those that have such labels.
    """

    section = "dataset"

    label_type: ClassVar[str]
    """The sort of label that the format holds; see `Task.label_type`."""
    suffixes: ClassVar[tuple[str, ...]]
    """The endings of the format's files, for formats of one file an image. A class that states them
    serves the datasets of the user's own."""
    chosen_by: ClassVar[str] = ""
    """The option that chooses this format among those of the same suffix, where a section gives it;
    a format without one is chosen by the suffix alone."""
    outlines: ClassVar[bool] = False
    """Whether classes are drawn from the outlines of objects. The pixels of no object are then of
    the class `background`, which a dataset's classes get in front where they do not name it."""

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        if "suffixes" in vars(cls):
            FORMATS.append(cls)

    def __init__(self, classes: tuple[str, ...] = (), task_type: str | None = None, **options: Any):
        super().__init__(**options)
        self.classes = tuple(classes)
        self.task_type = task_type

    @classmethod
    def located(cls, storage: dict[str, Any], folder: Path) -> dict[str, Any]:
        """The options that a section gives, with the names of files in them counted from the
        dataset's folder."""
        return storage

    def cfg_key(self, name: str) -> str:
        """The key of a section [dataset.<name>] that gives an option."""
        return f"{self.task_type or _first_task(self.label_type)}_{name}"

    @abstractmethod
    def read(self, label: Label, size: tuple[int, int]) -> np.ndarray:
        """The target of an image of `size` (height, width), in the dataset's own class numbers;
        stretched to the image where the label has another size.

        Raises:
            DataError: a file is missing, damaged or of another kind; names the file.
        """

    def stored_size(self, label: Label) -> tuple[int, int] | None:
        """(height, width) of the image that the label was made for, as the file says; None where it
        does not."""
        return map_size(map_head(label.file))

    def decided(self, label: Label) -> dict[str, str]:
        """What the numbers of a label's file are taken to mean, in a few words each, by 'unit',
        'range', 'void', 'classes', 'axes', 'no reading' or the like: by the cfg, else by the
        format's standard. Reads no more than the file's head."""
        return {}

    def class_names(self, label: Label) -> set[str]:
        """The names of the classes of the objects in a label, as its file spells them, whether the
        dataset knows them or not; empty for formats that hold no names."""
        return set()

    def clipped(self, label: Label) -> list[str]:
        """The class of each box that reached past the image, for formats of boxes."""
        return []

    def source(self, label: Label) -> str:
        """The label, as a warning names it."""
        return str(label.file)

    def ceiling(self, label: Label) -> float | None:
        """What the target has where a label holds the largest number of its file's type, for
        formats of depth; None where the type has no such number in use."""
        return None

    @property
    def can_turn(self) -> bool:
        """Whether the labels of an image that is turned are known. Those of vectors are not where
        nothing says which way they are stored."""
        return True

    @property
    def fingerprint(self) -> str:
        """What a decoded label depends on beside its files."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({settings}) {' '.join(self.classes)}"


def _first_task(label_type: str) -> str:
    """The task with labels of a sort that is no variant (a subclass) of another one with these."""
    tasks = [task for task in TASKS.values() if task.label_type == label_type]
    plain = (t.task_type for t in tasks if not any(issubclass(t, o) for o in tasks if o is not t))
    return next(plain, label_type)


@dataclass(frozen=True, slots=True)
class Label:
    """A label of one image.

    Attributes:
        format: decodes it.
        files: the file that the label is in, and the others that decoding takes.
        row: the image's place in a file that holds the labels of many.
    """

    format: Format
    files: tuple[Path, ...]
    row: int = 0

    @property
    def file(self) -> Path:
        return self.files[0]

    def read(self, size: tuple[int, int]) -> np.ndarray:
        """The target; see :meth:`Format.read`."""
        return self.format.read(self, size)

    @property
    def key(self) -> str:
        """What the target depends on beside the contents of the files and the image's size."""
        return f"{self.format.fingerprint} {self.row}"
