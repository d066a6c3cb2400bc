"""Things, made of solids, and short ways to make these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.scenes.classes import OBJECTS
from datasets.scenes.shapes import Plane, Solid, turn


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing of class `kind`; `top` is the half width, half depth and height of a flat top that
    others may stand on."""

    kind: str
    solids: tuple[Solid | Plane, ...]
    top: tuple[float, float, float] | None = None

    @property
    def is_object(self) -> bool:
        """Whether it has a box."""
        return self.kind in OBJECTS

    def moved(self, offset: np.ndarray, yaw: float) -> Thing:
        axes = turn(yaw)
        return Thing(self.kind, tuple(s.moved(offset, axes) for s in self.solids), self.top)

    def corners(self) -> np.ndarray:
        """(N, 3): the corners of the boxes around its solids."""
        return np.concatenate([solid.corners() for solid in self.solids])

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """(3), (3): its lowest and its highest coordinates."""
        corners = self.corners()
        return corners.min(0), corners.max(0)


def box(x, y, z, material) -> Solid:
    """A box from its extent (low, high) along each axis."""
    low, high = np.array([x, y, z], float).T
    return Solid("box", (low + high) / 2, (high - low) / 2, np.eye(3), material)


def cone(x, y, z, radius, material, taper=1.0) -> Solid:
    """An upright cylinder or cut cone at (x, y), from z[0] to z[1]; `radius` at its foot."""
    centre = np.array([x, y, (z[0] + z[1]) / 2], float)
    half = np.array([radius, radius, (z[1] - z[0]) / 2])
    return Solid("cone", centre, half, np.eye(3), material, taper)


def rod(start, end, radius, material) -> Solid:
    """A cylinder between two points."""
    start, end = np.array(start, float), np.array(end, float)
    along = end - start
    length = np.linalg.norm(along)
    along = along / length
    side = np.cross(along, [0.0, 1.0, 0.0] if abs(along[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(along, side), along])
    return Solid("cone", (start + end) / 2, np.array([radius, radius, length / 2]), axes, material)
