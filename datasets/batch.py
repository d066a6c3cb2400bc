"""A batch of merged images, and the memory that it is read into."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from tasks import Task


@dataclass
class Batch:
    """A batch of B images.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        colours: (B, 3, 4) the photometric distortion of each image; None at test time.
        sharpness: (B) likewise.
        targets: by task name, what `Task.collate` made of all B targets.
        labelled: by task name, (B) bool: the images that have a label for the task. It stays on the
            CPU, where asking it costs nothing.
        indices: the images' places in the merged dataset.
    """

    images: Tensor
    colours: Tensor | None
    sharpness: Tensor | None
    targets: dict[str, Any]
    labelled: dict[str, Tensor]
    indices: list[int]

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        return self._map(Tensor.pin_memory)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Batch:
        def each(value):
            if isinstance(value, list):
                return [move(tensor) for tensor in value]
            return None if value is None else move(value)

        return replace(
            self,
            images=each(self.images),
            colours=each(self.colours),
            sharpness=each(self.sharpness),
            targets={name: each(value) for name, value in self.targets.items()},
        )


class Room:
    """The memory for a batch of `count` images of `size` (height, width) and their targets. Images
    and labels are warped straight into it, so putting a batch together copies nothing.

    Attributes:
        images: (count, height, width, 3) uint8.
        targets: by task name, what `Task.room` gives.
    """

    def __init__(self, tasks: Sequence[Task], count: int, size: tuple[int, int], training: bool):
        self.images = _empty((count, *size, 3), torch.uint8)
        self.targets = {task.name: task.room(count, size, _empty, training) for task in tasks}

    def image(self, row: int) -> np.ndarray:
        return self.images[row].numpy()

    def target(self, task: Task, row: int) -> np.ndarray | None:
        room = self.targets[task.name]
        return None if room is None else room[row].numpy()


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Memory with anything in it. In a worker it is shared with the process that trains, as that of
    torch's own `default_collate`: handing it over copies nothing either."""
    size = math.prod(shape) * dtype.itemsize
    if get_worker_info() is None:
        return torch.from_numpy(_lent(size)).view(dtype).view(shape)
    storage = torch.UntypedStorage._new_shared(size)
    return torch.empty(0, dtype=dtype).set_(storage).view(shape)


# Memory of batches that are gone, by its size in bytes. New memory comes from the system page by
# page, which takes longer than to fill it with images.
_FREE: dict[int, list[np.ndarray]] = {}


def _lent(size: int) -> np.ndarray:
    """`size` bytes, which are free for another batch as soon as nothing looks at them any more."""
    free = _FREE.setdefault(size, [])
    memory = free.pop() if free else np.empty(size, np.uint8)
    lent = memory.view()
    weakref.finalize(lent, free.append, memory).atexit = False
    return lent
