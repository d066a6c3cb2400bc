"""The labels that single-task networks give to images without one, kept in a cache.

A pseudo-label is kept packed and at the size of its image, so that it is read and warped as a label
is. It is known by its image and by the network that made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from datasets.cache import Cache
from tasks import Task
from utils.errors import DataError

_NOTHING = np.zeros(0, np.uint8)  # no target has a single axis
_BLOCK = 4096  # bytes that a file takes at least
_SAMPLE = (64, 64)


class PseudoLabels:
    """The pseudo-labels of the images of a training set.

    Args:
        cache: keeps them.
        keys: by the name of each task that has any, what tells the labels of its network from those
            of others.
    """

    def __init__(self, cache: Cache, keys: Mapping[str, str]):
        self._cache = cache
        self._keys = {name: f"pseudo-label {name} {key}" for name, key in keys.items()}

    def read(self, task: Task, image: Path) -> np.ndarray | None:
        """The packed target of an image for a task, at the size of the image; None where the
        network was sure of nothing. It is not to be written to.

        Raises:
            DataError: there is none of the image as it is now.
        """
        kept = self._cache.find((image,), self._keys[task.name])
        if kept is None:
            raise DataError(
                f"{image}: its pseudo-label for {task.name} is gone or damaged, or the image has "
                "changed; the same command makes it again"
            )
        return kept if kept.ndim > 1 else None

    def is_kept(self, task: Task, image: Path) -> bool:
        """Whether :meth:`read` has something to read."""
        return self._cache.find((image,), self._keys[task.name]) is not None

    def keep(self, task: Task, image: Path, target: np.ndarray | None) -> None:
        """Keeps the target of an image, of the size of the image; None or one without anything to
        learn from: the network was sure of nothing.

        Raises:
            OSError, DataError: see :meth:`Cache.put`.
        """
        learnable = target is not None and task.usable(target)
        kept = task.pack(target) if learnable else _NOTHING
        self._cache.put((image,), self._keys[task.name], kept)


def bytes_on_disk(task: Task, sizes: Counter[tuple[int, int]]) -> int:
    """About how much disk the pseudo-labels of a task take; those of boxes take a block a file.

    Args:
        sizes: the number of images of each (height, width).
    """
    a_pixel = task.pack(task.unlabelled_target(_SAMPLE)).nbytes / (_SAMPLE[0] * _SAMPLE[1])
    return sum(
        number * (round(a_pixel * height * width) + _BLOCK)
        for (height, width), number in sizes.items()
    )
