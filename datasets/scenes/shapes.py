"""Solids (boxes, cylinders, ellipsoids), where rays enter them, and objects made of them.

The world's x and y axes span the floor and z points up, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from datasets.scenes.classes import OBJECTS
from datasets.scenes.textures import Texture

BOX, CYLINDER, BALL = ((0,), (1,), (2,)), ((0, 1), (2,)), ((0, 1, 2),)
"""A shape holds the points p with Σ p[axis]² < 1 over the axes of each of its groups."""

_SIGNS = np.stack(np.meshgrid([-1.0, 1], [-1.0, 1], [-1.0, 1]), axis=-1).reshape(8, 3)
_PARALLEL = np.float32(1e-20)  # the least square of a direction: no ray is quite parallel to a face


def rotate(axes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors (3, N) in a frame with these axes (3, 3), one a row. It is `axes @ vectors`, which a
    BLAS may round differently from run to run."""
    return np.einsum("ij,jn->in", axes.astype(np.float32), vectors)


def turn(yaw: float, pitch: float = 0.0) -> np.ndarray:
    """The axes (3, 3), one a row, of a frame that is pitched about x, then turned about z, in
    radians."""
    (cos_yaw, cos), (sin_yaw, sin) = np.cos([yaw, pitch]), np.sin([yaw, pitch])
    about_x = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    return about_x @ [[cos_yaw, sin_yaw, 0], [-sin_yaw, cos_yaw, 0], [0, 0, 1]]


@dataclass(frozen=True, eq=False)
class Solid:
    """A solid with one texture.

    Attributes:
        shape: BOX, CYLINDER (along its z axis) or BALL.
        centre: (3) in the world, or in the frame of its object.
        half: (3) half its size along its axes.
        texture: its colours.
        glow: the share of its colour that needs no light, in [0, 1].
        axes: (3, 3) its axes, one a row.
    """

    shape: tuple[tuple[int, ...], ...]
    centre: np.ndarray
    half: np.ndarray
    texture: Texture
    glow: float = 0.0
    axes: np.ndarray = field(default_factory=lambda: np.eye(3))

    def corners(self) -> np.ndarray:
        """(8, 3): the corners of the box around it."""
        return self.centre + _SIGNS @ (self.half[:, None] * self.axes)

    def hit(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """The smallest t > 0 at which each ray origin + t · direction enters the solid, or
        infinity. `origin` (3) and `directions` (3, …) count in its half sizes along its axes."""
        enter, leave = np.float32(0), np.float32(np.inf)
        with np.errstate(invalid="ignore"):
            for group in self.shape:
                o, d = origin[list(group)], directions[list(group)]
                o = o.reshape(-1, *[1] * (d.ndim - 1))
                square = np.maximum((d * d).sum(0), _PARALLEL)
                middle = -(o * d).sum(0) / square
                # From the point closest to the centre, so that no large numbers cancel.
                reach = np.sqrt((1 - ((o + middle * d) ** 2).sum(0)) / square)  # NaN: passes by
                enter, leave = np.maximum(enter, middle - reach), np.minimum(leave, middle + reach)
            return np.where((enter > 0) & (enter < leave), enter, np.float32(np.inf))

    def normals(self, local: np.ndarray) -> np.ndarray:
        """The outward unit normals, in its frame, at points (3, N) of its surface."""
        half = self.half.astype(np.float32)[:, None]
        unit = local / half
        reach = np.stack([(unit[list(group)] ** 2).sum(0) for group in self.shape])
        face = reach.argmax(0)  # the group whose limit the point lies on
        for k, group in enumerate(self.shape):
            unit[list(group)] *= face == k
        unit /= half
        return unit / np.sqrt((unit * unit).sum(0))


@dataclass(frozen=True, eq=False)
class Object3D:
    """An object of one class. In its own frame x points to its right, y to its front and z up; the
    origin is on the floor below its middle, or on the wall.

    Attributes:
        top: (3) half the width, half the depth and the height of a flat top for others, if any.
    """

    class_name: str
    solids: tuple[Solid, ...]
    top: np.ndarray | None = None

    @property
    def has_box(self) -> bool:
        return self.class_name in OBJECTS

    def moved(self, offset: np.ndarray, yaw: float) -> Object3D:
        axes = turn(yaw)
        solids = (
            replace(solid, centre=offset + solid.centre @ axes, axes=solid.axes @ axes)
            for solid in self.solids
        )
        return replace(self, solids=tuple(solids))

    def bounds(self) -> np.ndarray:
        """(2, 3): its lowest and its highest coordinates."""
        corners = np.concatenate([solid.corners() for solid in self.solids])
        return np.stack([corners.min(0), corners.max(0)])

    def corners(self) -> np.ndarray:
        """(8, 3): the corners of its bounds."""
        low, high = self.bounds()
        return (low + high) / 2 + _SIGNS * (high - low) / 2
