"""The layouts of NYU v2 for several tasks: NYUD_MT, NYUDv2, NYUv2."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.scenes.classes import CLASSES, table
from datasets.scenes.files import MANY, Job, Layout, save_jpeg, save_png
from datasets.scenes.scene import Scene

_NYU40_NUMBERS = {
    "wall": 1, "floor": 2, "cabinet": 3, "bed": 4, "chair": 5, "sofa": 6, "diningtable": 7,
    "door": 8, "window": 9, "bookshelf": 10, "picture": 11, "rug": 20, "ceiling": 22,
    "tvmonitor": 25, "lamp": 35, "pottedplant": 40, "bottle": 40,
}  # fmt: skip
_NYU13_NUMBERS = {
    "bed": 0, "ceiling": 2, "chair": 3, "floor": 4, "rug": 4, "cabinet": 5, "bookshelf": 5,
    "bottle": 6, "pottedplant": 6, "lamp": 6, "picture": 7, "sofa": 8, "diningtable": 9,
    "tvmonitor": 10, "wall": 11, "door": 11, "window": 12,
}  # fmt: skip
_NYU40, _NYU13 = table(_NYU40_NUMBERS), table(_NYU13_NUMBERS)


class NYUDMT(Layout):
    """NYU v2 for several tasks: everything on every image."""

    folders = ("images", "segmentation", "depth", "normals", "edge", "gt_sets")

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        return [
            *(Job(4 * MANY + k, f"{k + 1:04d}", "train") for k in range(train)),
            *(Job(5 * MANY + k, f"{train + k + 1:04d}", "val") for k in range(val)),
        ]

    @staticmethod
    def lists(jobs: list[Job], size: tuple[int, int]) -> dict[str, str]:
        return ids(jobs, "gt_sets")

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        save_jpeg(folder / "images" / f"{job.name}.jpg", scene.image)
        np.save(folder / "normals" / f"{job.name}.npy", scene.normals)
        _save_maps(scene, job, folder)


class NYUDv2(NYUDMT):
    """The same scenes as InvPT ships NYU v2: images and normals in PNG."""

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        save_png(folder / "images" / f"{job.name}.png", scene.image)
        save_png(folder / "normals" / f"{job.name}.png", normals_of_8_bits(scene))
        _save_maps(scene, job, folder)


def _save_maps(scene: Scene, job: Job, folder: Path) -> None:
    """What both preparations store alike."""
    save_png(folder / "segmentation" / f"{job.name}.png", _NYU40[scene.classes])
    save_png(folder / "edge" / f"{job.name}.png", np.where(borders(scene), 255, 0).astype(np.uint8))
    np.save(folder / "depth" / f"{job.name}.npy", scene.depth)


class NYUv2(Layout):
    """NYU v2 as MTAN ships it: everything in .npy. The outermost pixels are void and without depth,
    as in the recorded images, which are turned into one frame."""

    folders = tuple(
        f"{part}/{name}"
        for part in ("train", "val")
        for name in ("image", "label", "depth", "normal")
    )

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        return [
            *(Job(6 * MANY + k, str(k), "train") for k in range(train)),
            *(Job(7 * MANY + k, str(k), "val") for k in range(val)),
        ]

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        label, depth = _NYU13[scene.classes].astype(np.float32), scene.depth.copy()
        for array, none in ((label, -1), (depth, 0)):
            array[[0, -1]] = array[:, [0, -1]] = none
        maps = {
            "image": scene.image / np.float32(255),
            "label": label,
            "depth": depth[..., None],
            "normal": scene.normals,
        }
        for name, array in maps.items():
            np.save(folder / job.part / name / f"{job.name}.npy", array)


def borders(scene: Scene) -> np.ndarray:
    """(H, W) bool: where an object, or a class, ends to the right or below, one pixel wide."""
    numbers = scene.instances.astype(np.int32) * len(CLASSES) + scene.classes
    result = np.zeros(numbers.shape, bool)
    result[:, :-1] |= numbers[:, :-1] != numbers[:, 1:]
    result[:-1] |= numbers[:-1] != numbers[1:]
    return result


def normals_of_8_bits(scene: Scene) -> np.ndarray:
    """(H, W, 3) uint8: 0 to 255 for -1 to 1."""
    return np.rint((scene.normals + 1) * 127.5).astype(np.uint8)


def ids(jobs: list[Job], folder: str) -> dict[str, str]:
    """A list of the images' names for each split, in a folder of lists."""
    return {
        f"{folder}/{part}.txt": "".join(f"{job.name}\n" for job in jobs if job.part == part)
        for part in ("train", "val")
    }
