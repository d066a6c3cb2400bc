"""One rendered scene: the image, and the exact labels of every pixel."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from datasets.scenes.arrangement import furnish
from datasets.scenes.classes import CLASSES
from datasets.scenes.raycast import Hits, cast, shade
from datasets.scenes.room import Room

_NOISE = 0.008
_SMALL = 0.07  # of the image's height: an object whose longer side is below it is difficult


class Scene(NamedTuple):
    """An image of H × W pixels, and its labels, which are those of the ray through the centre of
    each pixel. The camera's frame has x to the right, y down and z forward.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        classes: (H, W) uint8, indices into `CLASSES`.
        instances: (H, W) uint8, 1 to N for the objects that have boxes, in their order; else 0.
        depth: (H, W) float32 metres along the optical axis (not along the ray).
        normals: (H, W, 3) float32 unit vectors in the camera's frame, facing the camera: a floor is
            near (0, -1, 0), a wall seen from the front near (0, 0, -1).
        boxes: (N, 4) float32 x1, y1, x2, y2 on pixel edges, around the visible part of each object.
        box_classes: (N) uint8, indices into `CLASSES`.
    """

    image: np.ndarray
    classes: np.ndarray
    instances: np.ndarray
    depth: np.ndarray
    normals: np.ndarray
    boxes: np.ndarray
    box_classes: np.ndarray

    @property
    def difficult(self) -> np.ndarray:
        """(N) bool: the objects that are so small that they are not to be found."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return sides.max(axis=1, initial=0) < _SMALL * len(self.image)


def render(seed: int, index: int, size: tuple[int, int]) -> Scene:
    """Renders scene number `index` of a seed at `size` (height, width): a function of these."""
    rng = np.random.default_rng([seed, index])
    room = furnish(rng)
    hits = cast(room, size)
    light, normals = shade(room, hits)
    return Scene(_develop(light, rng), depth=hits.depth, normals=normals, **_labels(room, hits))


def _develop(light: np.ndarray, rng) -> np.ndarray:
    """(H, W, 3) uint8 from linear light: a lens's blur, exposure, a film's curve, noise."""
    light = cv2.GaussianBlur(light, (3, 3), 0.5)
    exposure = rng.uniform(0.9, 1.1) * 0.5 / max(float(np.median(light[..., 1])), 0.05)
    shown = (1 - np.exp(-1.3 * np.float32(exposure) * light)) ** np.float32(1 / 2.2)
    shown += _NOISE * rng.standard_normal(shown.shape, np.float32)
    return (np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8)


def _labels(room: Room, hits: Hits) -> dict[str, np.ndarray]:
    """Classes, instances and boxes."""
    owner = np.repeat(range(len(room.objects)), [len(thing.solids) for thing in room.objects])
    class_numbers = np.array([CLASSES.index(thing.class_name) for thing in room.objects], np.uint8)
    visible = owner[hits.solid]
    instances = np.zeros(visible.shape, np.uint8)
    boxes, box_classes = [], []
    for k in np.unique(visible):
        if room.objects[k].has_box:
            mask = visible == k
            x1, y1, width, height = cv2.boundingRect(mask.astype(np.uint8))
            boxes.append((x1, y1, x1 + width, y1 + height))
            box_classes.append(class_numbers[k])
            instances[mask] = len(boxes)
    return {
        "classes": class_numbers[visible],
        "instances": instances,
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "box_classes": np.array(box_classes, np.uint8),
    }
