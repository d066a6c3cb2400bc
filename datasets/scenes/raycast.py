"""Rays into a room: what they hit first, and what stands between a point and the lamp."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.scenes.room import FOCAL, Room
from datasets.scenes.shapes import FAR, multiply

_LIFT = np.float32(2e-3)  # metres off a surface, so that it does not shadow itself


class Rays(NamedTuple):
    """N rays from the camera.

    Attributes:
        x, y: (N) float32, where they cross the plane at a depth of 1.
        direction: (3, N) float32, in the world, so long that a ray's parameter is its depth.
    """

    x: np.ndarray
    y: np.ndarray
    direction: np.ndarray


class Hits(NamedTuple):
    """depth (N) float32 in metres along the optical axis; solid (N) int16, indices into
    `Caster.solids`."""

    depth: np.ndarray
    solid: np.ndarray


class Caster:
    """The solids of a room, ready for rays.

    Attributes:
        solids: all solids of the room.
        owner: (len(solids)) the index of the thing that each belongs to.
    """

    def __init__(self, room: Room, size: tuple[int, int]):
        self.room, self.size = room, size
        self.focal = focal_length(size)
        self.solids = [solid for thing in room.things for solid in thing.solids]
        self.owner = np.repeat(range(len(room.things)), [len(t.solids) for t in room.things])
        self.windows = [room.camera.window(solid.corners()) for solid in self.solids]
        self.origin = room.camera.position.astype(np.float32)[:, None]

    def rays(self, u: np.ndarray, v: np.ndarray) -> Rays:
        """The rays through positions on pixel edges (0 to width, 0 to height), (N) each."""
        height, width = self.size
        x = ((u - width / 2) / self.focal).astype(np.float32)
        y = ((v - height / 2) / self.focal).astype(np.float32)
        direction = multiply(self.room.camera.axes.T, np.stack([x, y, np.ones_like(x)]))
        return Rays(x, y, direction)

    def cast(self, rays: Rays, apart: np.ndarray | None = None) -> Hits:
        """The first solid on each ray. The room is closed, so that there always is one.

        Args:
            apart: (things) int, counts the rays that meet each thing, hidden by others or not.
        """
        depth = np.full(rays.x.shape, FAR, np.float32)
        solid = np.full(rays.x.shape, -1, np.int16)
        met = np.zeros(rays.x.shape, np.int16)  # the last thing that was met, plus 1
        for k, (one, (x1, y1, x2, y2)) in enumerate(zip(self.solids, self.windows, strict=True)):
            near = np.flatnonzero((rays.x > x1) & (rays.x < x2) & (rays.y > y1) & (rays.y < y2))
            if not near.size:
                continue
            t = one.hit(self.origin, rays.direction[:, near])
            closer = t < depth[near]
            depth[near[closer]] = t[closer]
            solid[near[closer]] = k
            if apart is not None:
                thing = self.owner[k]
                hit = near[t < FAR]
                apart[thing] += np.count_nonzero(met[hit] != thing + 1)
                met[hit] = thing + 1
        return Hits(depth, solid)

    def lit(self, points: np.ndarray, normal: np.ndarray, lamp: np.ndarray) -> np.ndarray:
        """(N) bool: the points (3, N) that see their place on the lamp (3, N). The room's shell
        and what hangs on it cast no shadows."""
        points = points + _LIFT * normal
        way = lamp - points
        lit = (way * normal).sum(0) > 0
        square = (way * way).sum(0)
        first = 0
        for thing in self.room.things:
            solids = self.solids[first : first + len(thing.solids)]
            first += len(thing.solids)
            if not thing.casts_shadow:
                continue
            low, high = thing.bounds()
            centre = ((low + high) / 2).astype(np.float32)[:, None]
            radius = np.float32(np.linalg.norm(high - low) / 2)
            offset = centre - points
            along = np.clip((offset * way).sum(0) / square, 0, 1)
            nearest = offset - along * way
            near = np.flatnonzero(lit & ((nearest * nearest).sum(0) < radius * radius))
            for solid in solids:
                if near.size:
                    blocked = solid.hit(points[:, near], way[:, near]) < 1
                    lit[near[blocked]] = False
                    near = near[~blocked]
        return lit


def focal_length(size: tuple[int, int]) -> float:
    """In pixels, of an image of `size` (height, width)."""
    return FOCAL * size[1]
