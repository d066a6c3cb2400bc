"""The boxes of all images in two files: COCO's instances, and the results for COCO's evaluator."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.modes.predict.answer import Answer
from engine.modes.predict.lists import SpooledList, write_list, write_lists
from tasks import Task


class CocoFiles:
    """`instances.json`, the objects that are shown, with their scores; and `results.json`, every
    detection that a test counts, from a score of 0.01 on.

    An image that is called by a number, as COCO's are, has it as its id; else they are counted from
    1, which `numbered` says.

    Args:
        folder: of the output.
        numbered: whether all images are called by numbers of their own.
        writable: whether a file may be written; it is asked with its path.
    """

    def __init__(self, task: Task, folder: Path, numbered: bool, writable: Callable[[Path], bool]):
        self.task, self.numbered = task, numbered
        place = folder / task.file_name
        self.instances, self.results = (
            path if writable(path) else None
            for path in (place / "instances.json", place / "results.json")
        )
        self._images, self._objects, self._detections = (SpooledList(folder) for _ in range(3))

    @property
    def is_written(self) -> bool:
        """Whether any of the files may be written."""
        return bool(self.instances or self.results)

    def add(self, answer: Answer) -> None:
        image = self._images.count + 1
        if self.numbered:
            image = int(os.path.splitext(os.path.basename(answer.file_name))[0])
        height, width = answer.size
        self._images.add(
            {"id": image, "file_name": answer.file_name, "width": width, "height": height}
        )
        for row in answer.shown[self.task.name].tolist():
            detection = _detection(row, image)
            _, _, across, down = detection["bbox"]
            details = {"id": self._objects.count + 1, "area": across * down, "iscrowd": 0}
            self._objects.add(details | detection)
        for row in answer.predictions[self.task.name].tolist():
            self._detections.add(_detection(row, image))

    def write(self) -> dict[str, Path]:
        """Writes the files; returns their paths by what they are."""
        written = {}
        if self.instances:
            self.instances.parent.mkdir(parents=True, exist_ok=True)
            names = enumerate(self.task.classes, start=1)
            categories = {"categories": [{"id": number, "name": name} for number, name in names]}
            lists = {"images": self._images, "annotations": self._objects}
            write_lists(self.instances, categories, lists)
            written["instances"] = self.instances
        if self.results:
            self.results.parent.mkdir(parents=True, exist_ok=True)
            write_list(self.results, self._detections)
            written["results"] = self.results
        return written


def _detection(row: list[float], image: int) -> dict[str, Any]:
    x1, y1, x2, y2, number, _, score = row
    return {
        "image_id": image,
        "category_id": int(number) + 1,
        "bbox": [round(x1, 3), round(y1, 3), round(x2 - x1, 3), round(y2 - y1, 3)],
        "score": round(score, 5),
    }


SUMMARIES = {"boxes": ("boxes", CocoFiles)}
"""By `Task.label_type`: the word of `--save`, and the files that hold the answers of all images."""
