"""What every layout of rendered scenes is made of: jobs, lists, and files of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from datasets.scenes.scene import Scene

JPEG_QUALITY = 95
MANY = 1 << 20  # more images than a split ever has


class Job(NamedTuple):
    """One image to render: the scene's number, the image's id, and what the layout makes of it."""

    scene: int
    name: str
    part: str


class Layout(ABC):
    """How a dataset lies on disk. Its scenes are saved by several processes, an image a job.

    Attributes:
        folders: those that images and labels are saved in.
    """

    folders: ClassVar[tuple[str, ...]]

    @staticmethod
    @abstractmethod
    def jobs(train: int, val: int) -> list[Job]:
        """The images of both splits; some have less or more than `train` and `val`."""

    @staticmethod
    @abstractmethod
    def save(scene: Scene, job: Job, folder: Path) -> None:
        """Saves the image of a job, and its labels."""

    @staticmethod
    def lists(jobs: list[Job], size: tuple[int, int]) -> dict[str, str]:
        """The contents of the files that list images, by their names."""
        return {}

    @classmethod
    def finish(cls, jobs: list[Job], size: tuple[int, int], folder: Path) -> None:
        """What is left to do once all images are saved."""
        for name, text in cls.lists(jobs, size).items():
            (folder / name).write_text(text)


def save_jpeg(path: Path, image: np.ndarray) -> None:
    """Saves (H, W, 3) uint8 RGB."""
    _save(path, image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def save_png(path: Path, array: np.ndarray) -> None:
    """Saves (H, W), or (H, W, 3) RGB, of 8 or 16 bits."""
    _save(path, array[..., ::-1] if array.ndim == 3 else array, [])


def _save(path: Path, array: np.ndarray, options: list[int]) -> None:
    if not cv2.imwrite(str(path), array, options):
        raise OSError(f"{path}: cannot be written")
