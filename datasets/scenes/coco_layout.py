"""The layout of COCO: one JSON for all images of a split."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from datasets.scenes.classes import CLASSES
from datasets.scenes.files import MANY, Job, Layout, save_jpeg
from datasets.scenes.scene import Scene

_CATEGORIES = {
    "bottle": (44, "bottle"), "chair": (62, "chair"), "sofa": (63, "couch"),
    "pottedplant": (64, "potted plant"), "bed": (65, "bed"), "diningtable": (67, "dining table"),
    "tvmonitor": (72, "tv"), "bookshelf": (84, "book"),
}  # fmt: skip
_CROWD = "bookshelf"  # its books are one region of run lengths
_FINER = 4  # outlines are followed on so many times the pixels, where edges are closer to them


class COCO(Layout):
    """COCO 2017: boxes and outlines of its classes; shelves are crowds of books. An outline leaves
    no hole where something else is seen through an object."""

    folders = ("train2017", "val2017", "annotations")

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        return [
            *(Job(12 * MANY + k, f"{k + 1:012d}", "train2017") for k in range(train)),
            *(Job(13 * MANY + k, f"{train + k + 1:012d}", "val2017") for k in range(val)),
        ]

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        save_jpeg(folder / job.part / f"{job.name}.jpg", scene.image)
        _part(folder, job).write_text(json.dumps(_annotations(scene, int(job.name))))

    @classmethod
    def finish(cls, jobs: list[Job], size: tuple[int, int], folder: Path) -> None:
        """Joins what was said of the images, of which each may have been another process's."""
        categories = [{"id": k, "name": name} for k, name in sorted(_CATEGORIES.values())]
        for part in ("train2017", "val2017"):
            mine = [job for job in jobs if job.part == part]
            content = {
                "images": [
                    {
                        "id": int(job.name),
                        "file_name": f"{job.name}.jpg",
                        "height": size[0],
                        "width": size[1],
                    }
                    for job in mine
                ],
                "annotations": [
                    entry for job in mine for entry in json.loads(_part(folder, job).read_bytes())
                ],
                "categories": categories,
            }
            for job in mine:
                _part(folder, job).unlink()
            (folder / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))


def _part(folder: Path, job: Job) -> Path:
    return folder / "annotations" / f"{job.name}.json"


def _annotations(scene: Scene, image: int) -> list[dict]:
    """An entry an object of COCO's classes."""
    entries = []
    for k, (box, kind) in enumerate(zip(scene.boxes, scene.box_classes, strict=True), start=1):
        if CLASSES[kind] not in _CATEGORIES:
            continue
        mask = scene.instances == k
        crowd = CLASSES[kind] == _CROWD
        x1, y1, x2, y2 = (float(value) for value in box)
        entries.append(
            {
                "id": 100 * image + k,
                "image_id": image,
                "category_id": _CATEGORIES[CLASSES[kind]][0],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": int(mask.sum()),
                "iscrowd": int(crowd),
                "segmentation": _runs(mask) if crowd else _polygons(mask),
            }
        )
    return entries


def _polygons(mask: np.ndarray) -> list[list[float]]:
    fine = mask.astype(np.uint8).repeat(_FINER, 0).repeat(_FINER, 1)
    outlines, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [((outline + 0.5) / _FINER).ravel().tolist() for outline in outlines]


def _runs(mask: np.ndarray) -> dict:
    """COCO's run lengths, down the columns; the first are pixels outside."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), mask.size)
    return {"size": list(mask.shape), "counts": np.diff(ends, prepend=0).tolist()}
