"""The solids that everything in a scene is made of, and where rays meet them.

Vectors are (3, N) float32, one column a ray or a point. The world's x and y span the floor and z
points up, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.scenes.materials import Material

FAR = np.float32(np.inf)


def multiply(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """`matrix @ vectors` by single operations: a BLAS may round differently from run to run."""
    a = matrix.astype(np.float32)
    return a[:, 0:1] * vectors[0] + a[:, 1:2] * vectors[1] + a[:, 2:3] * vectors[2]


def turn(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """(3, 3) float64: the axes, one a row, of a frame that was rolled about its y axis, pitched
    about its x axis and then turned about z, in radians."""
    cos, sin = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_z = np.array([[cos[0], sin[0], 0], [-sin[0], cos[0], 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cos[1], sin[1]], [0, -sin[1], cos[1]]])
    about_y = np.array([[cos[2], 0, -sin[2]], [0, 1, 0], [sin[2], 0, cos[2]]])
    return about_y @ about_x @ about_z


@dataclass(frozen=True, eq=False)
class Plane:
    """A wall, floor or ceiling, without an end: what is seen of it ends at the others.

    Attributes:
        centre: (3) a point of it, the origin of its pattern.
        axes: (3, 3) its axes, one a row, in the world; z stands on it, into the room.
    """

    centre: np.ndarray
    axes: np.ndarray
    material: Material

    def local(self, points: np.ndarray) -> np.ndarray:
        """World points in its own frame."""
        return multiply(self.axes, points - self.centre.astype(np.float32)[:, None])

    def hit(self, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(N): the t > 0 at which origin + t·direction meets its front, or infinity."""
        x, y, z = self.axes[2].astype(np.float32)
        towards = x * direction[0] + y * direction[1] + z * direction[2]
        height = np.float32(self.axes[2] @ (self.centre - origin[:, 0]))
        with np.errstate(divide="ignore"):
            return np.where(towards < 0, height / towards, FAR)

    def normal(self, local: np.ndarray) -> np.ndarray:
        """(3, N): its normal, in its own frame."""
        return np.repeat(np.array([[0], [0], [1]], np.float32), local.shape[1], axis=1)

    def corners(self) -> np.ndarray:
        """(8, 3): corners around the camera, wherever it is: it is everywhere."""
        return 100 * _SIGNS


@dataclass(frozen=True, eq=False)
class Solid:
    """A box, an ellipsoid (`ball`) or an upright cut cone (`cone`; with `taper` 1 a cylinder).

    Attributes:
        kind: 'box', 'ball' or 'cone'.
        centre: (3) its middle, in the world.
        half: (3) half its size along its own axes, in metres; for a cone, its radius at the bottom
            and half its height, which is along z.
        axes: (3, 3) its axes, one a row, in the world.
        taper: the radius of a cone's top, as a share of that of its bottom.
        material: how its surface looks.
    """

    kind: str
    centre: np.ndarray
    half: np.ndarray
    axes: np.ndarray
    material: Material
    taper: float = 1.0

    def moved(self, offset: np.ndarray, axes: np.ndarray) -> Solid:
        """This solid, given in a frame with these `axes` at `offset`, in the world."""
        centre = offset + self.centre @ axes
        return Solid(self.kind, centre, self.half, self.axes @ axes, self.material, self.taper)

    def corners(self) -> np.ndarray:
        """(8, 3): the corners of the box around it."""
        half = self.half * [max(1.0, self.taper), max(1.0, self.taper), 1.0]
        return self.centre + _SIGNS @ (half[:, None] * self.axes)

    def local(self, points: np.ndarray) -> np.ndarray:
        """World points in its own frame, still in metres."""
        return multiply(self.axes, points - self.centre.astype(np.float32)[:, None])

    def hit(self, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(N): the smallest t > 0 at which origin + t·direction enters the solid, or infinity.

        Args:
            origin: (3, N), or (3, 1) where all rays start at one point.
            direction: (3, N), of any length.
        """
        scaled = self.axes / self.half[:, None]
        start = multiply(scaled, origin - self.centre.astype(np.float32)[:, None])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _HIT[self.kind](start, multiply(scaled, direction), np.float32(self.taper))

    def normal(self, local: np.ndarray) -> np.ndarray:
        """(3, N): the outward unit normals, in its own frame, of points on its surface."""
        unit = local / self.half.astype(np.float32)[:, None]
        normal = _NORMAL[self.kind](unit, np.float32(self.taper))
        normal /= self.half.astype(np.float32)[:, None]
        return normal / np.sqrt((normal * normal).sum(0))


# Below, solids are scaled to lie within [-1, 1] along each axis; rays are o + t·d.


def _hit_box(o, d, taper):
    inverse = 1 / np.where(d == 0, np.float32(1e-12), d)
    first, second = (-1 - o) * inverse, (1 - o) * inverse
    enter = np.minimum(first, second).max(0)
    leave = np.maximum(first, second).min(0)
    return np.where((enter < leave) & (enter > 0), enter, FAR)


def _hit_ball(o, d, taper):
    square = (d * d).sum(0)
    middle = -(o * d).sum(0) / square
    nearest = o + middle * d  # the point closest to the centre: no large numbers cancel
    reach = 1 - (nearest * nearest).sum(0)
    t = middle - np.sqrt(reach / square)
    return np.where((reach > 0) & (t > 0), t, FAR)


def _hit_cone(o, d, taper):
    middle = -(o[0] * d[0] + o[1] * d[1]) / (d[0] * d[0] + d[1] * d[1])
    x, y, z = o + middle * d
    slope, radius = (taper - 1) / 2, (taper + 1) / 2  # the radius at height z is radius + slope z
    a = d[0] * d[0] + d[1] * d[1] - (slope * d[2]) ** 2
    b = x * d[0] + y * d[1] - slope * d[2] * (radius + slope * z)
    c = x * x + y * y - (radius + slope * z) ** 2
    root = np.sqrt(b * b - a * c)
    best = np.full(a.shape, FAR, np.float32)
    for sign in (-1, 1):
        shift = (sign * root - b) / a
        height = z + shift * d[2]
        t = middle + shift
        best = np.where((np.abs(height) <= 1) & (t > 0) & (t < best), t, best)
    for end in (-1, 1):
        t = (end - o[2]) / d[2]
        u, v = o[0] + t * d[0], o[1] + t * d[1]
        inside = u * u + v * v < (radius + end * slope) ** 2
        best = np.where(inside & (t > 0) & (t < best), t, best)
    return best


def _box_normal(unit, taper):
    axis = np.abs(unit).argmax(0)
    normal = np.zeros_like(unit)
    columns = np.arange(unit.shape[1])
    normal[axis, columns] = np.sign(unit[axis, columns])
    return normal


def _ball_normal(unit, taper):
    return unit.copy()


def _cone_normal(unit, taper):
    slope, radius = (taper - 1) / 2, (taper + 1) / 2
    reach = radius + slope * unit[2]
    normal = np.stack([unit[0], unit[1], -slope * reach])
    # A point is on the end where it is closer to it than to the side.
    side = np.abs(np.sqrt(unit[0] ** 2 + unit[1] ** 2) - reach)
    end = 1 - np.abs(unit[2]) < side
    normal[:, end] = 0
    normal[2, end] = np.sign(unit[2, end])
    return normal


_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_HIT = {"box": _hit_box, "ball": _hit_ball, "cone": _hit_cone}
_NORMAL = {"box": _box_normal, "ball": _ball_normal, "cone": _cone_normal}
