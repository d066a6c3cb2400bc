"""The layout of PASCAL-Context, filled with rooms: cabinets, shelves and lamps stand for people."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from datasets.scenes.classes import CLASSES, VOC_NUMBERS, table
from datasets.scenes.files import MANY, Job, Layout, save_jpeg, save_png
from datasets.scenes.multi_task_layouts import ids, normals_of_8_bits
from datasets.scenes.scene import Scene

_PERSON = 15
_PEOPLE = ("cabinet", "bookshelf", "lamp")
_NUMBERS = {**VOC_NUMBERS, **dict.fromkeys(_PEOPLE, _PERSON)}
_CONTEXT_NUMBERS = {
    "wall": 440, "floor": 158, "ceiling": 68, "door": 115, "window": 454, "picture": 287,
    "rug": 330, "chair": 72, "diningtable": 397, "sofa": 368, "pottedplant": 308,
    "tvmonitor": 427, "bottle": 34, "bed": 18, **dict.fromkeys(_PEOPLE, 284),
}  # fmt: skip
_VOC, _CONTEXT = table(_NUMBERS), np.array([_CONTEXT_NUMBERS[name] for name in CLASSES], np.uint16)

_BODY = {
    "head": (0, 0.2, 0, 1), "hair": (0, 0.08, 0, 1), "neck": (0.2, 0.25, 0.25, 0.75),
    "torso": (0.25, 0.55, 0.25, 0.75), "luarm": (0.2, 0.4, 0.75, 1), "ruarm": (0.2, 0.4, 0, 0.25),
    "llarm": (0.4, 0.55, 0.75, 1), "rlarm": (0.4, 0.55, 0, 0.25), "lhand": (0.5, 0.55, 0.75, 1),
    "rhand": (0.5, 0.55, 0, 0.25), "luleg": (0.55, 0.75, 0.5, 1), "ruleg": (0.55, 0.75, 0, 0.5),
    "llleg": (0.75, 1, 0.5, 1), "rlleg": (0.75, 1, 0, 0.5), "lfoot": (0.95, 1, 0.5, 1),
    "rfoot": (0.95, 1, 0, 0.5),
}  # fmt: skip
"""The parts of a person: the top, the bottom, the left and the right, as shares of its box."""
_TEXT = b"MATLAB 5.0 MAT-file"
_SALIENT, _OTHERS = 204, 38  # of 255: how sure a network is of what is salient


class PascalContext(Layout):
    """PASCAL-Context as ASTMT prepares it: VOC's classes, parts of people, contexts, saliency, and
    normals in 8-bit PNG, black where there are none, which is in windows.

    The objects are what is salient. Their parts are horizontal slices of them.
    """

    folders = (
        "JPEGImages", "semseg/pascal-context", "pascal-context/trainval", "human_parts",
        "sal_distill", "normals_distill", "ImageSets/Context", "ImageSets/Parts",
    )  # fmt: skip

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        return [
            *(Job(8 * MANY + k, f"2008_{k + 1:06d}", "train") for k in range(train)),
            *(Job(9 * MANY + k, f"2010_{k + 1:06d}", "val") for k in range(val)),
        ]

    @staticmethod
    def lists(jobs: list[Job], size: tuple[int, int]) -> dict[str, str]:
        return ids(jobs, "ImageSets/Context")

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        name, objects = job.name, _objects(scene)
        save_jpeg(folder / "JPEGImages" / f"{name}.jpg", scene.image)
        save_png(folder / "semseg/pascal-context" / f"{name}.png", _VOC[scene.classes])
        salient = np.where(scene.instances > 0, _SALIENT, _OTHERS).astype(np.uint8)
        save_png(folder / "sal_distill" / f"{name}.png", salient)
        colours = normals_of_8_bits(scene)
        colours[scene.classes == CLASSES.index("window")] = 0
        save_png(folder / "normals_distill" / f"{name}.png", colours)
        _save_mat(
            folder / "pascal-context/trainval" / f"{name}.mat", LabelMap=_CONTEXT[scene.classes]
        )
        anno = {"imname": name, "objects": _structs(objects)}
        _save_mat(folder / "human_parts" / f"{name}.mat", anno=anno)
        _part(folder, job).write_text(json.dumps([item["class_ind"] for item in objects]))

    @classmethod
    def finish(cls, jobs: list[Job], size: tuple[int, int], folder: Path) -> None:
        super().finish(jobs, size, folder)
        for part in ("train", "val"):
            mine = [job for job in jobs if job.part == part]
            objects = {job.name: json.loads(_part(folder, job).read_text()) for job in mine}
            (folder / "ImageSets/Parts" / f"{part}.txt").write_text(json.dumps(objects))
            for job in mine:
                _part(folder, job).unlink()


def _part(folder: Path, job: Job) -> Path:
    return folder / "ImageSets/Parts" / f"{job.name}.json"


def _objects(scene: Scene) -> list[dict[str, Any]]:
    """The objects of VOC's classes with the fields of PASCAL-Part."""
    objects = []
    for k, (box, kind) in enumerate(zip(scene.boxes, scene.box_classes, strict=True), start=1):
        number, mask = int(_VOC[kind]), scene.instances == k
        if number:
            name = "person" if number == _PERSON else CLASSES[kind]
            parts = _body(mask, box) if number == _PERSON else []
            if name == "tvmonitor":
                parts = [{"part_name": "screen", "mask": mask.astype(np.uint8)}]
            fields = {"class": name, "class_ind": number, "mask": mask.astype(np.uint8)}
            objects.append({**fields, "parts": _structs(parts)})
    return objects


def _body(mask: np.ndarray, box: np.ndarray) -> list[dict[str, Any]]:
    """The parts of a person that can be seen of it."""
    x1, y1, x2, y2 = box
    y = ((np.arange(mask.shape[0]) + 0.5 - y1) / (y2 - y1))[:, None]
    x = ((np.arange(mask.shape[1]) + 0.5 - x1) / (x2 - x1))[None]
    masks = {
        name: mask & (y > top) & (y <= bottom) & (x > left) & (x <= right)
        for name, (top, bottom, left, right) in _BODY.items()
    }
    return [
        {"part_name": name, "mask": part.astype(np.uint8)}
        for name, part in masks.items()
        if part.any()
    ]


def _structs(items: list[dict[str, Any]]) -> np.ndarray:
    """Matlab's array of structs, 1 x N; its empty array where there are none."""
    if not items:
        return np.zeros((0, 0))
    array = np.empty((1, len(items)), [(field, object) for field in items[0]])
    for k, item in enumerate(items):
        array[0, k] = tuple(item.values())
    return array


def _save_mat(path: Path, **variables: Any) -> None:
    """Saves a .mat that does not say when it was made, so that the same scene is the same file."""
    from scipy.io import savemat  # which takes longer to import than the rest of the program

    stored = BytesIO()
    savemat(stored, variables, do_compression=True)
    content = _TEXT.ljust(116) + stored.getvalue()[116:]
    path.write_bytes(content)
