"""A batch of images of a multi-task dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass
class Batch:
    """A batch of B images.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        shown: (B, 4) int64 x1, y1, x2, y2: the pixels, on edges, that show the image; around them
            is padding. It stays on the CPU.
        colours: (B, 3, 4) the photometric distortion of each image; None at test time.
        sharpness: (B) likewise.
        targets: by task name, what `Task.collate` made of all B targets.
        labelled: by task name, (B) bool: the images that have a usable label for the task. It stays
            on the CPU, where asking it costs nothing.
    """

    images: Tensor
    shown: Tensor
    colours: Tensor | None
    sharpness: Tensor | None
    targets: dict[str, Any]
    labelled: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def first(self, count: int) -> Batch:
        """The first images of the batch."""
        part = self._map(lambda tensor: tensor[:count])
        part.targets |= {n: v[:count] for n, v in self.targets.items() if isinstance(v, list)}
        labelled = {n: known[:count] for n, known in self.labelled.items()}
        return replace(part, shown=self.shown[:count], labelled=labelled)

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
