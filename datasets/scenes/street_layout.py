"""The layout of Cityscapes, filled with rooms: what stands for what is arbitrary."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from datasets.scenes.classes import CLASSES, table
from datasets.scenes.files import MANY, Job, Layout, save_png
from datasets.scenes.room import focal_length
from datasets.scenes.scene import Scene

_NUMBERS = {
    "wall": 11, "floor": 7, "ceiling": 23, "door": 12, "window": 3, "picture": 20, "rug": 8,
    "chair": 24, "diningtable": 28, "sofa": 26, "pottedplant": 21, "tvmonitor": 19, "bottle": 32,
    "cabinet": 27, "bookshelf": 13, "bed": 31, "lamp": 17,
}  # fmt: skip
"""Those of `labelIds`. Windows are 3, which is no class."""
_IDS = table(_NUMBERS)
_BASELINE = 0.2  # metres


class Cityscapes(Layout):
    """Two cities, with disparity and cameras. Windows are void, and have no disparity."""

    folders = tuple(
        f"{kind}/{part}/{city}"
        for kind in ("leftImg8bit", "gtFine", "disparity", "camera")
        for part, cities in (("train", ("aachen", "bochum")), ("val", ("lindau",)))
        for city in cities
    )

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        cities = ("aachen", "bochum")
        return [
            *(
                Job(10 * MANY + k, f"{cities[k % 2]}_{k // 2:06d}_000019", "train")
                for k in range(train)
            ),
            *(Job(11 * MANY + k, f"lindau_{k:06d}_000019", "val") for k in range(val)),
        ]

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        def path(kind: str, ending: str) -> Path:
            return folder / kind / job.part / job.name.split("_")[0] / f"{job.name}_{ending}"

        focal = focal_length(scene.depth.shape)
        disparity = np.rint(256 * _BASELINE * focal / scene.depth) + 1
        disparity[scene.classes == CLASSES.index("window")] = 0
        save_png(path("leftImg8bit", "leftImg8bit.png"), scene.image)
        save_png(path("gtFine", "gtFine_labelIds.png"), _IDS[scene.classes])
        save_png(path("disparity", "disparity.png"), disparity.astype(np.uint16))
        camera = {"extrinsic": {"baseline": _BASELINE}, "intrinsic": {"fx": focal, "fy": focal}}
        path("camera", "camera.json").write_text(json.dumps(camera))
