"""Which files are written of each answer, and what stands in them.

What a task's answers are written as follows from the sort of its labels, `Task.label_type`: a task
of a new sort is written as arrays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.modes.predict import encoding
from engine.modes.predict.answer import Answer
from engine.runs.sheet import draw_sheet
from tasks import Task
from utils.errors import ConfigError

SHEETS = "sheets"
"""The folder of the sheets, and what they are labelled by in the place of a task."""


class FileKind(NamedTuple):
    """One of the files that a task's answer is written as.

    Attributes:
        save: the word of `--save` that chooses it.
        folder: below that of the task.
        encode: (task, answer) -> bytes.
    """

    save: str
    folder: str
    suffix: str
    encode: Callable[[Task, Answer], bytes]


def _mask(task: Task, answer: Answer) -> bytes:
    return encoding.palette_png(answer.shown[task.name], len(task.label_classes))


def _array(task: Task, answer: Answer) -> bytes:
    return encoding.npy(answer.shown[task.name])


def _depth(task: Task, answer: Answer) -> bytes:
    return encoding.millimetre_png(answer.shown[task.name])


def _shares(task: Task, answer: Answer) -> bytes:
    return encoding.share_png(answer.shown[task.name])


def _normals(task: Task, answer: Answer) -> bytes:
    return encoding.normal_png(answer.shown[task.name])


def _yolo(task: Task, answer: Answer) -> bytes:
    return encoding.yolo_text(answer.shown[task.name], answer.size)


def _voc(task: Task, answer: Answer) -> bytes:
    name = os.path.basename(answer.file_name)
    return encoding.voc_xml(answer.shown[task.name], answer.size, name, task.classes)


KINDS = {
    "classes": (FileKind("maps", "maps", ".png", _mask),),
    "binary": (
        FileKind("maps", "png", ".png", _shares),
        FileKind("maps", "npy", ".npy", _array),
    ),
    "depth": (
        FileKind("depth", "png", ".png", _depth),
        FileKind("depth", "npy", ".npy", _array),
    ),
    "normals": (
        FileKind("normals", "png", ".png", _normals),
        FileKind("normals", "npy", ".npy", _array),
    ),
    "boxes": (
        FileKind("boxes", "yolo", ".txt", _yolo),
        FileKind("boxes", "voc", ".xml", _voc),
    ),
}
"""By `Task.label_type`."""
OTHERS = (FileKind("maps", "npy", ".npy", _array),)


class Drawing(NamedTuple):
    """A picture of an answer.

    Attributes:
        label: the task's name, or `SHEETS`.
        folder: of the output, that the pictures lie in.
        draw: gives (H, W, 3) uint8 RGB.
    """

    label: str
    folder: str
    draw: Callable[[Answer], np.ndarray]


class OutputFile(NamedTuple):
    """A file of one answer.

    Attributes:
        label: the task's name, or `SHEETS`.
        kind: what it is, as `predictions.json` calls it: the folder of its kind.
        path: where it is written.
        encode: gives its bytes.
        drawn: whether that takes the image itself.
    """

    label: str
    kind: str
    path: Path
    encode: Callable[[Answer], bytes]
    drawn: bool


class Outputs:
    """The files of all answers, below a folder.

    Args:
        save: words of `SAVE`; none: all that there is.

    Raises:
        ConfigError: no task has what a word names.
    """

    def __init__(self, folder: Path, tasks: Sequence[Task], save: Sequence[str] = ()):
        self.folder, self.tasks = folder, list(tasks)
        kinds = [(task, kind) for task in tasks for kind in KINDS.get(task.label_type, OTHERS)]
        there = ("pictures", *dict.fromkeys(kind.save for _, kind in kinds))
        for word in save:
            if word not in there:
                raise ConfigError(
                    f"the network has no {word} to save: it has {', '.join(there)}", "save"
                )
        self.save = tuple(save) or there
        self._kinds = [(task, kind) for task, kind in kinds if kind.save in self.save]
        self.drawings = self._drawings() if "pictures" in self.save else []

    @property
    def folders(self) -> list[str]:
        """The folders that may be made."""
        return [SHEETS, *(task.file_name for task in self.tasks)]

    def files(self, name: str, pictures: bool = True) -> list[OutputFile]:
        """The files of an answer of this name.

        Args:
            pictures: whether its pictures are files; those of a video are its frames.
        """
        result = [
            OutputFile(
                task.name,
                kind.folder,
                self.folder / task.file_name / kind.folder / f"{name}{kind.suffix}",
                partial(kind.encode, task),
                False,
            )
            for task, kind in self._kinds
        ]
        for drawing in self.drawings if pictures else ():
            path = self.folder / drawing.folder / f"{name}.jpg"
            encode = partial(_drawn, drawing)
            result.append(OutputFile(drawing.label, "pictures", path, encode, True))
        return result

    def _drawings(self) -> list[Drawing]:
        result = [
            Drawing(task.name, f"{task.file_name}/pictures", partial(_draw, task))
            for task in self.tasks
        ]
        return [*result, Drawing(SHEETS, SHEETS, partial(_sheet, self.tasks))]


def _draw(task: Task, answer: Answer) -> np.ndarray:
    return task.draw(answer.image, answer.shown[task.name])


def _sheet(tasks: Sequence[Task], answer: Answer) -> np.ndarray:
    return draw_sheet(answer.image, tasks, answer.shown)


def _drawn(drawing: Drawing, answer: Answer) -> bytes:
    return encoding.jpeg(drawing.draw(answer))
