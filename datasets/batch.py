"""A batch of images of a multi-task dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor


@dataclass
class Batch:
    """A batch of B images.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        shown: (B, 4) int64 x1, y1, x2, y2: the pixels, on edges, that show the image; around them
            is padding. Of an image that is turned, the rectangle around it. It stays on the CPU.
        colours: (B, 3, 4) the photometric distortion of each image; None at test time.
        sharpness: (B) likewise.
        targets: by task name, what `Task.collate` made of all B targets.
        labelled: by task name, (B) bool: the images that have a usable label for the task. It stays
            on the CPU, where asking it costs nothing.
        class_maps: by the name of a task with classes, which of them the dataset of each image
            labels; see `tasks.class_maps`. They stay on the CPU as well. A task without an entry
            has labels of all its classes.
        pseudo_labelled: by task name, (B) bool: the images whose target is the prediction of a
            teacher. None of them is labelled. Empty where there are no teachers; on the CPU.
    """

    images: Tensor
    shown: Tensor
    colours: Tensor | None
    sharpness: Tensor | None
    targets: dict[str, Any]
    labelled: dict[str, Tensor]
    class_maps: dict[str, Tensor] = field(default_factory=dict)
    pseudo_labelled: dict[str, Tensor] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, tuple]:
        """By task name, what `Task.criterion` and `Meter.update` take after the prediction."""
        return {
            name: (target, self.labelled[name], *self._class_map(name))
            for name, target in self.targets.items()
        }

    @property
    def pseudo_labels(self) -> dict[str, tuple]:
        """The same for the images that a teacher has labelled, which knows all classes."""
        return {name: (self.targets[name], known) for name, known in self.pseudo_labelled.items()}

    def has_target(self, name: str) -> bool:
        """Whether any image has a label or a pseudo-label for a task."""
        masks = (self.labelled, self.pseudo_labelled)
        return any(bool(mask[name].any()) for mask in masks if name in mask)

    def _class_map(self, name: str) -> tuple[Tensor, ...]:
        return (self.class_maps[name],) if name in self.class_maps else ()

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def first(self, count: int) -> Batch:
        """The first images of the batch."""
        part = self._map(lambda tensor: tensor[:count])
        part.targets |= {n: v[:count] for n, v in self.targets.items() if isinstance(v, list)}
        return replace(
            part,
            shown=self.shown[:count],
            labelled={name: known[:count] for name, known in self.labelled.items()},
            class_maps={name: class_map[:count] for name, class_map in self.class_maps.items()},
            pseudo_labelled={name: known[:count] for name, known in self.pseudo_labelled.items()},
        )

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
