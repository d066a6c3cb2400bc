"""The layout of Taskonomy, filled with rooms: each type is what it would be of a rendered scene, or
stands for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from datasets.scenes.classes import CLASSES
from datasets.scenes.files import MANY, Job, Layout, save_png
from datasets.scenes.room import focal_length
from datasets.scenes.scene import Scene

_BUILDINGS = {
    "adrian": (1, 0, 0),
    "beechwood": (1, 0, 0),
    "corozal": (0, 1, 0),
    "muleshoe": (0, 0, 1),
}
"""Whether each serves to train, to validate and to test on."""
_TRAINED = [name for name, (train, _, _) in _BUILDINGS.items() if train]
_UNITS = 512  # of depth a metre
_MISSING = 2**16 - 1
_STEP = 0.05  # of the depth: what is that much farther is behind an edge


def _in_16_bits(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 2**16 - 1).astype(np.uint16)


def _in_8_bits(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _windows(scene: Scene) -> np.ndarray:
    return scene.classes == CLASSES.index("window")


def zbuffer(scene: Scene) -> np.ndarray:
    """(H, W) uint16: the depth along the camera's axis, in 512ths of a metre."""
    return np.where(_windows(scene), _MISSING, _in_16_bits(_UNITS * scene.depth)).astype(np.uint16)


def euclidean(scene: Scene) -> np.ndarray:
    """(H, W) uint16: the same along the ray of each pixel."""
    height, width = scene.depth.shape
    y, x = np.mgrid[:height, :width] + 0.5
    rays = np.hypot(np.hypot(x - width / 2, y - height / 2) / focal_length(scene.depth.shape), 1)
    far = _in_16_bits(_UNITS * scene.depth * rays)
    return np.where(_windows(scene), _MISSING, far).astype(np.uint16)


def occlusion(scene: Scene) -> np.ndarray:
    """(H, W) uint16: where something much nearer is beside."""
    nearest = cv2.erode(scene.depth, np.ones((3, 3)))
    return _in_16_bits(2**12 * np.maximum(scene.depth / nearest - 1 - _STEP, 0))


def texture(scene: Scene) -> np.ndarray:
    """(H, W) uint16: the slope of the brightness."""
    grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope = [cv2.Sobel(grey, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1))]
    return _in_16_bits(8 * np.hypot(*slope))


def corners(scene: Scene) -> np.ndarray:
    """(H, W) uint16: corners of the image."""
    grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return _in_16_bits(3e4 * cv2.cornerMinEigenVal(grey, 3))


def surface_corners(scene: Scene) -> np.ndarray:
    """(H, W) uint16: how much the normals differ around a pixel."""
    return _in_16_bits(2**16 * (1 - np.linalg.norm(cv2.blur(scene.normals, (5, 5)), axis=2)))


def normals(scene: Scene) -> np.ndarray:
    """(H, W, 3) uint8, grey where there are none."""
    colours = _in_8_bits(127.5 * (scene.normals + 1))
    colours[_windows(scene)] = 128
    return colours


def curvature(scene: Scene) -> np.ndarray:
    """(H, W, 3) uint8: how the normals turn down and across, and nothing."""
    turns = [
        cv2.Sobel(scene.normals[..., axis], cv2.CV_32F, *axes)
        for axis, axes in ((1, (0, 1)), (0, (1, 0)))
    ]
    return _in_8_bits(np.stack([*(127 + 40 * turn for turn in turns), 0 * turns[0]], axis=2))


def reshading(scene: Scene) -> np.ndarray:
    """(H, W, 3) uint8: the surfaces in white, lit from the camera."""
    return _in_8_bits(255 * np.repeat(np.abs(scene.normals[..., 2:]), 3, axis=2))


def superpixels(scene: Scene) -> np.ndarray:
    """(H, W) uint8: pieces of about one brightness."""
    smooth = cv2.medianBlur(cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY), 5)
    return smooth // 32 * 32 + 16


def segments(scene: Scene) -> np.ndarray:
    """(H, W) uint8: objects, and the surfaces of the room."""
    return ((scene.classes.astype(int) * 13 + scene.instances * 37) % 256).astype(np.uint8)


TYPES: dict[str, Callable[[Scene], np.ndarray]] = {
    "rgb": lambda scene: scene.image,
    "depth_euclidean": euclidean,
    "depth_zbuffer": zbuffer,
    "edge_occlusion": occlusion,
    "edge_texture": texture,
    "keypoints2d": corners,
    "keypoints3d": surface_corners,
    "normal": normals,
    "principal_curvature": curvature,
    "reshading": reshading,
    "segment_unsup2d": superpixels,
    "segment_unsup25d": segments,
}
"""How each type is drawn."""


class Taskonomy(Layout):
    """Two buildings to train on, and one each to validate and to test on. Windows have neither
    depth nor normals."""

    folders = (
        "splits_taskonomy",
        *(f"{kind}/taskonomy/{building}" for kind in TYPES for building in _BUILDINGS),
    )

    @staticmethod
    def jobs(train: int, val: int) -> list[Job]:
        """There are half as many images to validate on as to test on."""
        trained = [Job(20 * MANY + k, _name(k // 2), _TRAINED[k % 2]) for k in range(train)]
        counts = {"corozal": max(1, val // 2), "muleshoe": val}
        others = [
            Job((21 + n) * MANY + k, _name(k), building)
            for n, (building, count) in enumerate(counts.items())
            for k in range(count)
        ]
        return trained + others

    @staticmethod
    def lists(jobs: list[Job], size: tuple[int, int]) -> dict[str, str]:
        rows = ["id,train,val,test"]
        rows += [",".join(map(str, (name, *flags))) for name, flags in _BUILDINGS.items()]
        text = "\n".join(rows) + "\n"
        return {
            f"splits_taskonomy/train_val_test_{subset}.csv": text
            for subset in ("tiny", "medium", "full", "fullplus")
        }

    @staticmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        for kind, draw in TYPES.items():
            place = folder / kind / "taskonomy" / job.part
            save_png(place / f"{job.name}_domain_{kind}.png", draw(scene))


def _name(number: int) -> str:
    return f"point_{number // 3}_view_{number % 3}"
