"""Rays into a room: what they hit first, and what stands between a point and the lamp."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.scenes.room import FOCAL, LAMP_RADIUS, Camera, Room
from datasets.scenes.shapes import FAR, multiply
from datasets.scenes.things import Thing

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
        self.origin = room.camera.position.astype(np.float32)[:, None]
        self._seen = [_windows(thing, room.camera) for thing in room.things]
        # The lamp looks down on the things as a camera does: what it sees of them is not in shadow.
        self._lamp = Camera(room.lamp, np.diag([1.0, 1.0, -1.0]))
        self._casting = [thing for thing in room.things if thing.is_object]
        self._lit = [_windows(thing, self._lamp, LAMP_RADIUS) for thing in self._casting]

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
        k = -1
        for number, thing in enumerate(self.room.things):
            around, windows = self._seen[number]
            near = _within(rays.x, rays.y, around)
            met = np.zeros(near.shape, bool)
            for item, window in zip(thing.solids, windows, strict=True):
                k += 1
                inner = _within(rays.x[near], rays.y[near], window)
                if not inner.size:
                    continue
                where = near[inner]
                t = item.hit(self.origin, rays.direction[:, where])
                closer = t < depth[where]
                depth[where[closer]] = t[closer]
                solid[where[closer]] = k
                met[inner] |= t < FAR
            if apart is not None:
                apart[number] = np.count_nonzero(met)
        return Hits(depth, solid)

    def lit(self, points: np.ndarray, normal: np.ndarray, lamp: np.ndarray) -> np.ndarray:
        """(N) bool: the points (3, N) that see their place on the lamp (3, N). The room's shell
        and what hangs on it cast no shadows."""
        way = lamp - points
        lit = (way * normal).sum(0) > 0
        below = np.flatnonzero(lit & (way[2] > 0.05))
        way = way[:, below]
        start = points[:, below] + _LIFT * normal[:, below]
        x, y, z = start - self._lamp.position.astype(np.float32)[:, None]
        x, y = x / -z, y / -z
        for thing, (around, windows) in zip(self._casting, self._lit, strict=True):
            near = _within(x, y, around)
            for solid, window in zip(thing.solids, windows, strict=True):
                inner = near[_within(x[near], y[near], window)]
                if inner.size:
                    blocked = solid.hit(start[:, inner], way[:, inner]) < 1
                    lit[below[inner[blocked]]] = False
        return lit


def _windows(thing: Thing, camera: Camera, radius: float = 0.0):
    """Where a camera sees a thing: the window (4) of it all, and those (N, 4) of its solids, wide
    enough for a camera anywhere within `radius` metres sideways."""
    corners = np.stack([solid.corners() for solid in thing.solids])
    nearest = ((corners - camera.position) @ camera.axes[2]).min(1, keepdims=True)
    margin = radius / np.maximum(nearest, 1e-3) * [-1, -1, 1, 1]
    windows = (camera.windows(corners) + margin).astype(np.float32)
    return np.concatenate([windows[:, :2].min(0), windows[:, 2:].max(0)]), windows


def _within(x: np.ndarray, y: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The indices of the positions (N) in an image that lie in a window of it."""
    if np.isinf(window).all():
        return np.arange(len(x))
    x1, y1, x2, y2 = window
    return np.flatnonzero((x > x1) & (x < x2) & (y > y1) & (y < y2))


def focal_length(size: tuple[int, int]) -> float:
    """In pixels, of an image of `size` (height, width)."""
    return FOCAL * size[1]
