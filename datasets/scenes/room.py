"""A room, its camera and its lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.scenes import room_materials as m
from datasets.scenes.patterns import WHITE, Colour, Material, colour, plain, pleasant_hue
from datasets.scenes.shapes import Plane, turn
from datasets.scenes.things import Thing

FOCAL = 0.95
"""The focal length as a share of the image's width, 56° from side to side."""

LAMP_RADIUS = 0.2
"""In metres: a lamp as large as this has shadows with soft edges."""


@dataclass(frozen=True)
class Camera:
    """A pinhole at `position` (3); `axes` (3, 3) are its right, its down and its view, in rows."""

    position: np.ndarray
    axes: np.ndarray

    def windows(self, corners: np.ndarray) -> np.ndarray:
        """(K, 4): x1, y1, x2, y2, at a depth of 1, of K things with corners (K, N, 3); the whole
        plane where a thing reaches behind the camera."""
        seen = (corners - self.position) @ self.axes.T
        behind = seen[..., 2].min(1) < 0.05
        across = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
        windows = np.concatenate([across.min(1), across.max(1)], axis=1)
        windows[behind] = [-np.inf, -np.inf, np.inf, np.inf]
        return windows


@dataclass(frozen=True)
class Room:
    """A room that spans 0 to `size`.

    Attributes:
        size: (3) its width, length and height in metres.
        camera: where it is seen from.
        lamp: (3) where the light comes from; `lamp_colour`: (3, 1) linear RGB.
        things: the list of what is in it, its own surfaces first.
    """

    size: np.ndarray
    camera: Camera
    lamp: np.ndarray
    lamp_colour: Colour
    things: list[Thing]


def empty_room(rng) -> Room:
    """A room of random size and surfaces, and a camera near the middle of one of its ends."""
    size = np.array([rng.uniform(3.2, 5.0), rng.uniform(3.2, 6.6), rng.uniform(2.3, 2.6)])
    place = [rng.uniform(0.25, 0.75) * size[0], rng.uniform(0.2, 0.5), rng.uniform(1.3, 1.5)]
    # Turned away from the nearer side wall, so that the view is into the room.
    yaw = np.deg2rad(rng.uniform(-10, 10) + 40 * (place[0] / size[0] - 0.5))
    right, view, up = turn(yaw, np.deg2rad(rng.uniform(-14, -8)), np.deg2rad(rng.normal(0, 0.7)))
    return Room(
        size,
        Camera(np.array(place), np.stack([right, -up, view])),
        lamp=size * [rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.55), 0.93],
        lamp_colour=colour(rng.uniform(25, 50), rng.uniform(0, 0.16), 1.0),
        things=_shell(rng, size),
    )


def _shell(rng, size) -> list[Thing]:
    """Floor, ceiling and walls."""
    width, length, _ = size
    paint, accent = _wall_colours(rng)
    kind = rng.choice(["plain", "plain", "striped", "panelled"])
    walls = m.wall_paint(paint, kind, accent if kind != "striped" else paint * 0.82)
    far = walls
    if rng.random() < 0.3:
        special = "bricks" if rng.random() < 0.4 else "plain"
        far = m.wall_paint(accent, special, colour(rng.uniform(8, 25), 0.32, 0.7))
    boards = turn(np.pi / 2 * rng.integers(2))
    planes = {
        "floor": [Plane(np.zeros(3), boards, _floor(rng))],
        "ceiling": [Plane(size, np.diag([1.0, -1.0, -1.0]), plain(WHITE))],
        "wall": [
            _wall((0, length, 0), np.pi, far),
            _wall((0, 0, 0), -np.pi / 2, walls),
            _wall((width, 0, 0), np.pi / 2, walls),
            _wall((0, 0, 0), 0, walls),
        ],
    }
    return [Thing(kind, tuple(solids)) for kind, solids in planes.items()]


def _wall(foot, yaw: float, material: Material) -> Plane:
    """A wall that faces the world's y axis turned by `yaw`; its own y is up."""
    side, front, up = turn(yaw)
    return Plane(np.array(foot, float), np.stack([-side, up, front]), material)


def _wall_colours(rng) -> tuple[Colour, Colour]:
    hue = pleasant_hue(rng)
    paint = colour(hue, rng.uniform(0.02, 0.16), rng.uniform(0.8, 0.94))
    accent = colour(pleasant_hue(rng), rng.uniform(0.12, 0.3), rng.uniform(0.6, 0.85))
    return paint, accent


def _floor(rng) -> Material:
    kind = rng.choice(["planks", "planks", "tiles", "carpet"])
    if kind == "planks":
        wood = colour(rng.uniform(22, 36), rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.85))
        return m.planks(rng, wood, float(rng.choice([0.12, 0.16])))
    if kind == "tiles":
        hue = pleasant_hue(rng)
        first = colour(hue, rng.uniform(0.03, 0.15), rng.uniform(0.75, 0.9))
        second = colour(hue, rng.uniform(0.05, 0.2), rng.uniform(0.6, 0.85))
        return m.tiles(rng, first, second, float(rng.choice([0.33, 0.4, 0.5])))
    return m.carpet(colour(pleasant_hue(rng), rng.uniform(0.05, 0.25), rng.uniform(0.5, 0.75)))
