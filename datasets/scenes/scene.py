"""One rendered scene: the picture, and the truth about every pixel of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.scenes.classes import CLASSES
from datasets.scenes.placing import furnish
from datasets.scenes.raycast import Caster, Hits
from datasets.scenes.shading import lamp_points, shade, surface
from datasets.scenes.shapes import multiply

_STEPS = np.array([[-0.125, 0.375, -0.375, 0.125], [-0.375, -0.125, 0.125, 0.375]])
_WHITE = 2.0  # brighter rays do not outshine the others of their pixel
_HIDDEN = 0.3  # an object of which less than this share is to be seen is difficult,
_SMALL = 0.07  # as is one whose longer side is below this share of the image's height
_NOISE = 0.008


class Scene(NamedTuple):
    """A picture of H × W pixels, and what is in it.

    The labels are those of the ray through each pixel's centre. The camera's frame has x to the
    right, y down and z forward.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        classes: (H, W) uint8, indices into `CLASSES`.
        instances: (H, W) uint8, 1 to N for the objects that have boxes, in their order; else 0.
        depth: (H, W) float32 metres along the optical axis (not along the ray).
        normals: (H, W, 3) float32 unit vectors in the camera's frame, facing the camera: a floor is
            near (0, -1, 0), a wall seen from the front near (0, 0, -1).
        boxes: (N, 4) float32 x1, y1, x2, y2 on pixel edges, around what is visible of each object.
        box_classes: (N) uint8, indices into `CLASSES`.
        difficult: (N) bool, objects that are small or mostly hidden.
    """

    image: np.ndarray
    classes: np.ndarray
    instances: np.ndarray
    depth: np.ndarray
    normals: np.ndarray
    boxes: np.ndarray
    box_classes: np.ndarray
    difficult: np.ndarray


def render(seed: int, index: int, size: tuple[int, int]) -> Scene:
    """Draws scene number `index` of a seed at `size` (height, width): a function of these alone."""
    rng = np.random.default_rng([seed, index])
    caster = Caster(furnish(rng), size)
    height, width = size
    v, u = np.divmod(np.arange(height * width), width)
    rays = caster.rays(u + 0.5, v + 0.5)
    alone = np.zeros(len(caster.room.things), int)
    hits = caster.cast(rays, alone)
    edges = np.flatnonzero(_edges(hits.solid.reshape(size)))
    finer = caster.rays(*_subpixels(u[edges], v[edges]))
    # Neighbours look at different places of the lamp, and share what they see: soft shadows.
    place = np.concatenate([v % 3 * 3 + u % 3, np.arange(len(finer.x)) * 2 % 9])
    rays, result = _joined(rays, finer), _joined(hits, caster.cast(finer))
    seen = surface(caster, rays, result)
    lit = caster.lit(seen.points, seen.normal, lamp_points(caster, place)).astype(np.float32)
    lit[: len(u)] = _smooth(lit[: len(u)].reshape(size), hits.solid.reshape(size)).ravel()
    colours, fine = np.split(shade(caster, rays, seen, lit), [len(u)], axis=1)
    # Where solids meet, a pixel's colour is the mean of four rays; its labels are those of one.
    colours[:, edges] = np.minimum(fine, _WHITE).reshape(3, -1, 4).mean(2)
    normals = multiply(caster.room.camera.axes, seen.normal[:, : len(u)])
    return Scene(
        _develop(colours, rng).reshape(height, width, 3),
        depth=hits.depth.reshape(size),
        normals=np.ascontiguousarray(normals.T).reshape(height, width, 3),
        **_labels(caster, hits, alone),
    )


def _subpixels(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(4 N), (4 N): four places within each of N pixels, one pixel after the other."""
    return tuple((p[:, None] + 0.5 + step).ravel() for p, step in zip((u, v), _STEPS, strict=True))


def _joined(first: NamedTuple, second: NamedTuple) -> NamedTuple:
    """The rays, or hits, of both."""
    both = zip(first, second, strict=True)
    return type(first)(*(np.concatenate(pair, axis=-1) for pair in both))


def _labels(caster: Caster, hits: Hits, alone: np.ndarray) -> dict[str, np.ndarray]:
    """Classes, instances and boxes. `alone` counts the pixels that each thing of the room would
    have if nothing stood before it."""
    things = caster.room.things
    kinds = np.array([CLASSES.index(thing.kind) for thing in things], np.uint8)
    thing = caster.owner[hits.solid].reshape(caster.size)
    instances = np.zeros(caster.size, np.uint8)
    boxes, box_classes, difficult = [], [], []
    for k in np.unique(thing):
        if not things[k].is_object:
            continue
        mask = thing == k
        y, x = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (x[0], y[0], x[-1] + 1, y[-1] + 1)
        side = max(box[2] - box[0], box[3] - box[1]) / caster.size[0]
        boxes.append(box)
        box_classes.append(kinds[k])
        difficult.append(mask.sum() < _HIDDEN * alone[k] or side < _SMALL)
        instances[mask] = len(boxes)
    return {
        "classes": kinds[thing],
        "instances": instances,
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "box_classes": np.array(box_classes, np.uint8),
        "difficult": np.array(difficult, bool),
    }


def _smooth(lit: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """The mean of `lit` (H, W) over 3 × 3 pixels, those of other solids left out."""
    total, count = lit.copy(), np.ones(lit.shape, np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if (dy, dx) != (0, 0):
                here, there = _shifted(dy, dx)
                same = solid[here] == solid[there]
                total[here] += lit[there] * same
                count[here] += same
    return total / count


def _shifted(dy: int, dx: int):
    """Two windows on an array, the second shifted by (dy, dx) against the first."""

    def window(step):
        return slice(max(0, -step), None if step <= 0 else -step)

    return (window(dy), window(dx)), (window(-dy), window(-dx))


def _edges(solid: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of which a neighbour belongs to another solid."""
    edges = np.zeros(solid.shape, bool)
    for here, there in (_shifted(0, 1), _shifted(1, 0)):
        differ = solid[here] != solid[there]
        edges[here] |= differ
        edges[there] |= differ
    return edges


def _develop(colours: np.ndarray, rng) -> np.ndarray:
    """(N, 3) uint8 from (3, N) linear light: exposure, a film's curve, and the sensor's noise."""
    exposure = rng.uniform(0.9, 1.1) * 0.5 / max(float(np.median(colours[1])), 0.05)
    shown = 1 - np.exp(-1.3 * np.float32(exposure) * np.maximum(colours, 0))
    shown = shown ** np.float32(1 / 2.2)
    shown += _NOISE * rng.standard_normal(shown.shape, np.float32)
    return np.ascontiguousarray((np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8).T)
