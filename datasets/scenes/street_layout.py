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
_THINGS = range(24, 34)
"""The numbers of the classes that have instances."""
_CATEGORIES = (
    (range(7, 11), 0), (range(11, 17), 1), (range(17, 21), 2), (range(21, 23), 3),
    (range(23, 24), 4), (range(24, 26), 5), (range(26, 34), 6),
)  # fmt: skip
"""Those of MTAN's 7 classes: flat, construction, object, nature, sky, human, vehicle."""
_BASELINE = 0.2  # metres


class Cityscapes(Layout):
    """Two cities, with instances, disparity and cameras. Windows are void, and have no
    disparity."""

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
        save_png(path("gtFine", "gtFine_instanceIds.png"), instance_ids(scene))
        save_png(path("disparity", "disparity.png"), disparity.astype(np.uint16))
        camera = {"extrinsic": {"baseline": _BASELINE}, "intrinsic": {"fx": focal, "fy": focal}}
        path("camera", "camera.json").write_text(json.dumps(camera))


class CityscapesMTAN(Layout):
    """Cityscapes as MTAN ships it: everything in .npy. Windows are void, and have no depth."""

    folders = tuple(
        f"{part}/{name}" for part in ("train", "val") for name in ("image", "label", "depth")
    )

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        return [
            *(Job(20 * MANY + k, str(k), "train") for k in range(train)),
            *(Job(21 * MANY + k, str(k), "val") for k in range(val)),
        ]

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        inverse = 1 / scene.depth
        inverse[scene.classes == CLASSES.index("window")] = 0
        maps = {
            "image": scene.image / np.float32(255),
            "label": categories(scene).astype(np.float32),
            "depth": inverse[..., None],
        }
        for name, array in maps.items():
            np.save(folder / job.part / name / f"{job.name}.npy", array)


def instance_ids(scene: Scene) -> np.ndarray:
    """(H, W) uint16: the number of the class, of instances times 1000, plus that of the instance
    within its class."""
    ids = _IDS[scene.classes].astype(np.uint16)
    counts = dict.fromkeys(_THINGS, 0)
    for k in range(1, len(scene.boxes) + 1):
        pixels = scene.instances == k
        number = int(ids[pixels][0])
        if number in counts:
            ids[pixels] = 1000 * number + counts[number]
            counts[number] += 1
    return ids


def categories(scene: Scene) -> np.ndarray:
    """(H, W) int: MTAN's 7 classes, -1 for void."""
    ids = _IDS[scene.classes]
    result = np.full(ids.shape, -1)
    for numbers, category in _CATEGORIES:
        result[np.isin(ids, numbers)] = category
    return result
