"""Empty rooms and their cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.scenes.shapes import BOX, Object3D, Solid, turn
from datasets.scenes.textures import (
    WHITE,
    Colour,
    Texture,
    checks,
    colour,
    noisy,
    plain,
    planks,
    tint,
    where,
)  # fmt: skip

FOCAL = 0.95
"""The focal length as a share of the image's width, 56° from side to side."""


def focal_length(size: tuple[int, int]) -> float:
    """In pixels, of an image of `size` (height, width)."""
    return FOCAL * size[1]


@dataclass(frozen=True)
class Camera:
    """A pinhole at `position` (3); `axes` (3, 3) are its right, its down and its view, in rows."""

    position: np.ndarray
    axes: np.ndarray

    def windows(self, corners: np.ndarray) -> np.ndarray:
        """(K, 4): x1, y1, x2, y2, at a depth of 1, of K solids with corners (K, N, 3); the whole
        plane where a solid reaches behind the camera."""
        seen = (corners - self.position) @ self.axes.T
        across = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
        windows = np.concatenate([across.min(1), across.max(1)], axis=1)
        windows[seen[..., 2].min(1) < 0.05] = [-np.inf, -np.inf, np.inf, np.inf]
        return windows


@dataclass(frozen=True)
class Room:
    """A closed room that spans 0 to `size`.

    Attributes:
        size: (3) its width, length and height in metres.
        lamp: (3) where light comes from; `lamp_colour`: (3, 1) linear RGB.
        objects: all that is in it, its floor, ceiling and walls first.
    """

    size: np.ndarray
    camera: Camera
    lamp: np.ndarray
    lamp_colour: Colour
    objects: list[Object3D]


def empty_room(rng) -> Room:
    """A room of random size and colours, and a camera near the middle of one of its ends."""
    size = rng.uniform([3.2, 3.2, 2.3], [5.0, 6.6, 2.6])
    place = rng.uniform([0.25 * size[0], 0.2, 1.3], [0.75 * size[0], 0.5, 1.5])
    # Turned away from the nearer side wall, so that the view is into the room.
    yaw = rng.uniform(-10, 10) + 40 * (place[0] / size[0] - 0.5)
    right, view, up = turn(*np.deg2rad([yaw, rng.uniform(-14, -8)]))
    return Room(
        size,
        Camera(place, np.stack([right, -up, view])),
        lamp=size * [rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.55), 0.93],
        lamp_colour=colour(rng.uniform(25, 50), rng.uniform(0, 0.16), 1.0),
        objects=_shell(rng, size),
    )


def _shell(rng, size: np.ndarray) -> list[Object3D]:
    """Floor, ceiling and walls: six boxes around the room."""
    accent = noisy(tint(rng, (0.12, 0.3), (0.6, 0.85)), 2, 0.03)
    paint = noisy(tint(rng, (0.02, 0.16), (0.8, 0.94)), 2, 0.03)
    panelled, far = rng.random() < 0.25, accent if rng.random() < 0.3 else paint

    def side(axis: int, end: int, texture: Texture) -> Solid:
        """The box below 0 (end 0) or above the size (end 1) along an axis."""
        centre, half = size / 2, size / 2 + 0.1
        centre[axis], half[axis] = (-0.05, size[axis] + 0.05)[end], 0.05
        return Solid(BOX, centre, half, texture)

    def wall(axis: int, end: int, texture: Texture) -> Solid:
        if panelled:
            texture = where(lambda p: p[2] < 0.95 - size[2] / 2, accent, texture)
        return side(axis, end, where(lambda p: p[2] < 0.1 - size[2] / 2, WHITE, texture))

    walls = wall(1, 1, far), wall(1, 0, paint), wall(0, 0, paint), wall(0, 1, paint)
    return [
        Object3D("floor", (side(2, 0, _floor(rng)),)),
        Object3D("ceiling", (side(2, 1, WHITE),)),
        Object3D("wall", walls),
    ]


def _floor(rng) -> Texture:
    kind = rng.choice(["planks", "planks", "tiles", "carpet"])
    if kind == "planks":
        base = colour(rng.uniform(22, 36), rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.85))
        return planks(rng, base)
    if kind == "tiles":
        tile = tint(rng, (0.03, 0.2), (0.6, 0.85))
        return checks(plain(tile), plain(tile * 1.25), rng.choice([0.33, 0.4, 0.5]))
    return noisy(tint(rng, (0.05, 0.25), (0.5, 0.75)), 30, 0.15)
