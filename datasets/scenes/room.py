"""A furnished room, a camera and a lamp: everything random about a scene's geometry."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from datasets.scenes import furniture as f
from datasets.scenes import materials as m
from datasets.scenes.shapes import turn

CLASSES = ("wall", "floor", "ceiling", "door", "window", "picture", "rug", *f.OBJECTS)
"""The classes of pixels. Those of `furniture.OBJECTS` have boxes."""

FOCAL = 518.8579 / 640
"""The focal length as a share of the image's width, that of NYU's camera: 63° from side to side."""

_FRAME = np.array([0.5, 0.375]) / FOCAL  # half an image of 4:3, at a distance of 1
_SHARES = {"cabinet": 0.6, "bookshelf": 0.6, "bed": 0.5, "lamp": 0.5}
_FIRST = ("bed", "sofa", "bookshelf", "diningtable", "cabinet", "tvmonitor", "lamp", "chair")
_AGAINST_WALLS = ("bed", "sofa", "bookshelf", "cabinet")


@dataclass(frozen=True)
class Camera:
    """A pinhole at `position` (3); `axes` (3, 3) are its right, its down and its view, in rows."""

    position: np.ndarray
    axes: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """(N, 3): x/z and y/z in the image, and the depth z, of points (N, 3)."""
        seen = (points - self.position) @ self.axes.T
        seen[:, :2] /= np.maximum(seen[:, 2:], 1e-3)
        return seen

    def window(self, corners: np.ndarray) -> np.ndarray:
        """(4): x1, y1, x2, y2, at a distance of 1, of what has these corners; all of the image
        where it reaches behind the camera."""
        seen = self.project(corners)
        if seen[:, 2].min() < 0.05:
            return np.array([-np.inf, -np.inf, np.inf, np.inf])
        return np.concatenate([seen[:, :2].min(0), seen[:, :2].max(0)])


@dataclass
class Room:
    """Attributes:
    size: (3) its width, length and height in metres; it spans 0 to `size`.
    things: what is in it, its own shell included.
    lamp, lamp_colour: (3) where light comes from, and linear RGB.
    """

    size: np.ndarray
    camera: Camera
    things: list[f.Furniture] = field(default_factory=list)
    lamp: np.ndarray = None
    lamp_colour: np.ndarray = None


def furnish(rng: np.random.Generator) -> Room:
    """A room with two to five objects in view."""
    while True:
        room = _empty(rng)
        placed = _Placing(room, rng)
        placed.openings()
        placed.objects()
        if placed.count >= 2:
            placed.decoration()
            return room


def _empty(rng) -> Room:
    size = np.array([rng.uniform(3.2, 5.0), rng.uniform(3.8, 6.4), rng.uniform(2.4, 2.8)])
    place = np.array(
        [rng.uniform(0.25, 0.75) * size[0], rng.uniform(0.2, 0.5), rng.uniform(1.15, 1.6)]
    )
    # Turned away from the nearer side wall, so that the view is into the room.
    yaw = np.deg2rad(rng.uniform(-12, 12) + 40 * (place[0] / size[0] - 0.5))
    axes = turn(yaw, np.deg2rad(rng.uniform(-17, -5)), np.deg2rad(rng.normal(0, 1)))
    camera = Camera(place, np.stack([axes[0], -axes[2], axes[1]]))
    room = Room(size, camera, _shell(rng, size))
    room.lamp = size * [rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.55), 0.93]
    room.lamp_colour = m.colour(rng.uniform(25, 50), rng.uniform(0, 0.16), 1.0)
    return room


def _shell(rng, size) -> list[f.Furniture]:
    """Floor, ceiling and walls, as slabs around the room."""
    width, length, height = size
    thick = 0.2
    wide, long, tall = (-thick, width + thick), (-thick, length + thick), (0, height)
    paint, accent = _wall_colours(rng)
    kind = rng.choice(["plain", "plain", "striped", "panelled"])
    second = accent if kind != "striped" else paint * 0.72
    walls = m.wall_paint(paint, kind, second, height / 2)
    far = walls
    if rng.random() < 0.3:
        special = "bricks" if rng.random() < 0.4 else "plain"
        far = m.wall_paint(accent, special, m.colour(rng.uniform(8, 25), 0.45, 0.62), height / 2)
    slabs = {
        "floor": [f.box(wide, long, (-thick, 0), _floor(rng))],
        "ceiling": [f.box(wide, long, (height, height + thick), m.plain(m.WHITE))],
        "wall": [
            f.box(wide, (length, length + thick), tall, far),
            f.box((-thick, 0), long, tall, walls),
            f.box((width, width + thick), long, tall, walls),
            f.box(wide, (-thick, 0), tall, walls),
        ],
    }
    return [f.Furniture(kind, tuple(solids)) for kind, solids in slabs.items()]


def _wall_colours(rng) -> tuple[m.Colour, m.Colour]:
    hue = rng.uniform(0, 360)
    paint = m.colour(hue, rng.uniform(0.02, 0.16), rng.uniform(0.8, 0.94))
    accent = m.colour(hue + rng.uniform(-40, 40), rng.uniform(0.15, 0.4), rng.uniform(0.5, 0.8))
    return paint, accent


def _floor(rng) -> m.Material:
    kind = rng.choice(["planks", "planks", "tiles", "carpet"])
    if kind == "planks":
        wood = m.colour(rng.uniform(22, 36), rng.uniform(0.3, 0.55), rng.uniform(0.45, 0.8))
        return m.planks(rng, wood, rng.choice([0.12, 0.16]))
    if kind == "tiles":
        hue = rng.uniform(0, 360)
        first = m.colour(hue, rng.uniform(0.03, 0.15), rng.uniform(0.75, 0.9))
        second = m.colour(hue, rng.uniform(0.05, 0.3), rng.uniform(0.45, 0.85))
        return m.tiles(rng, first, second, rng.choice([0.33, 0.4, 0.5]))
    return m.carpet(m.colour(rng.uniform(0, 360), rng.uniform(0.05, 0.25), rng.uniform(0.5, 0.75)))


class _Placing:
    """Puts things into a room so that they do not touch, and can be seen."""

    def __init__(self, room: Room, rng):
        self.room, self.rng = room, rng
        self.taken: list[tuple[np.ndarray, np.ndarray]] = []  # bounds
        self.windows: list[np.ndarray] = []  # of objects
        self.free_shelves: list[f.Furniture] = []

    @property
    def count(self) -> int:
        return len(self.windows)

    def openings(self):
        """At most one door and one or two windows."""
        for make, chance in ((f.door, 0.45), (f.window, 0.55), (f.window, 0.35)):
            if self.rng.random() < chance:
                height = 0.0 if make is f.door else self.rng.uniform(0.85, 1.05)
                self._hang(make(self.rng), height)

    def objects(self):
        rng = self.rng
        shares = np.array([_SHARES.get(kind, 1.0) for kind in f.OBJECTS])
        number = rng.choice([2, 3, 3, 4, 4, 5])
        kinds = list(rng.choice(list(f.OBJECTS), number, False, shares / shares.sum()))
        if "chair" in kinds and rng.random() < 0.4:
            kinds.append("chair")
        rank = {kind: k for k, kind in enumerate(_FIRST)}
        for kind in sorted(kinds, key=lambda kind: rank.get(kind, len(rank))):
            if self.count < 5:
                self._object(kind)

    def decoration(self):
        """Pictures on the walls, perhaps a rug."""
        rng = self.rng
        for _ in range(rng.integers(0, 4)):
            self._hang(f.picture(rng), rng.uniform(1.25, 1.5))
        if rng.random() < 0.5:
            self._try(
                f.rug(rng), lambda: self._on_floor(1.8, 3.6, upright=True), see=False, on=True
            )

    def _object(self, kind: str):
        rng = self.rng
        if kind == "tvmonitor" and rng.random() < 0.6:
            stand = f.cabinet(rng, low=True)
            if self.count < 4 and self._try(stand, self._at_wall(stand)):
                self.free_shelves.insert(0, self.room.things[-1])
        thing = f.OBJECTS[kind](rng)
        if kind in _AGAINST_WALLS:
            done = self._try(thing, self._at_wall(thing))
        elif kind == "tvmonitor":
            done = self._on_shelf(thing, "cabinet") or self._hang(
                thing, rng.uniform(0.95, 1.2), 0.03
            )
        elif kind == "bottle":
            done = self._on_shelf(thing) or self._try(thing, lambda: self._on_floor(1.3, 2.3))
        elif kind == "diningtable":
            done = self._try(thing, lambda: self._on_floor(1.7, 3.6, upright=rng.random() < 0.6))
        else:
            done = self._try(thing, lambda: self._on_floor(1.6, 3.8))
        if done and thing.shelf:
            self.free_shelves.append(self.room.things[-1])

    # Poses: (offset, yaw) in the room.

    def _on_floor(self, near, far, upright=False):
        rng, camera = self.rng, self.room.camera
        depth = rng.uniform(near, far)
        view, right = camera.axes[2, :2], camera.axes[0, :2]
        spot = camera.position[:2] + depth * view + depth * rng.uniform(-0.5, 0.5) * right
        yaw = np.pi / 2 * rng.integers(4) if upright else rng.uniform(0, 2 * np.pi)
        return np.array([*spot, 0.0]), yaw

    def _at_wall(self, thing, height=0.0, gap=0.02):
        low, high = thing.bounds()

        def pose():
            wall = self.rng.choice(3, p=[0.5, 0.25, 0.25])
            width, length, _ = self.room.size
            half, behind = (high[0] - low[0]) / 2, gap - low[1]
            if wall == 0:  # the far one
                return np.array(
                    [self.rng.uniform(half, width - half), length - behind, height]
                ), np.pi
            y = self.rng.uniform(min(1.2, length - half), length - half)
            if wall == 1:
                return np.array([behind, y, height]), -np.pi / 2
            return np.array([width - behind, y, height]), np.pi / 2

        return pose

    def _hang(self, thing, height, gap=0.0) -> bool:
        hung = thing
        if thing.kind == "tvmonitor":  # without its foot
            hung = f.Furniture(thing.kind, thing.solids[:1])
        return self._try(hung, self._at_wall(hung, height, gap), see=hung.kind in f.OBJECTS)

    def _on_shelf(self, thing, kind=None) -> bool:
        for support in self.free_shelves:
            if kind not in (None, support.kind):
                continue
            low, high = support.bounds()
            base = support.solids[-1] if support.kind == "diningtable" else support.solids[0]
            centre = (low + high) / 2
            axes = base.axes if support.kind == "cabinet" else np.eye(3)

            def pose(support=support, centre=centre, axes=axes):
                half_x, half_y, height = support.shelf
                share = 0.0 if thing.kind == "tvmonitor" else 0.8
                inner = self.rng.uniform(-share, share, 2) * [half_x, half_y]
                spot = centre + np.array([*inner, 0.0]) @ axes
                yaw = np.arctan2(axes[0, 1], axes[0, 0]) if thing.kind == "tvmonitor" else 0.0
                return np.array([*spot[:2], height + 0.001]), yaw

            if self._try(thing, pose, on=True):
                if thing.kind == "tvmonitor":
                    self.free_shelves.remove(support)
                return True
        return False

    def _try(self, thing, pose, see=True, on=False, attempts=25) -> bool:
        """Moves the thing to the first of some poses where it fits; whether there was one."""
        for _ in range(attempts):
            moved = thing.moved(*pose())
            low, high = moved.bounds()
            window = self.room.camera.window(_box_corners(low, high))
            if self._fits(low, high) and (not see or self._seen(window, on)):
                self.room.things.append(moved)
                self.taken.append((low, high))
                if see:
                    self.windows.append(window)
                return True
        return False

    def _fits(self, low, high) -> bool:
        inside = (low[:2] > -0.01).all() and (high < self.room.size + 0.01).all()
        nearest = np.clip(self.room.camera.position, low, high)
        clear = np.linalg.norm((nearest - self.room.camera.position)[:2]) > 0.9
        return (
            inside
            and clear
            and not any(
                (low < other_high - 1e-4).all() and (high > other_low + 1e-4).all()
                for other_low, other_high in self.taken
            )
        )

    def _seen(self, window, on) -> bool:
        """Large enough, mostly in the image, and neither hidden by others nor hiding them."""
        if not np.isfinite(window).all():
            return False
        inner = np.clip(window, -np.tile(_FRAME, 2), np.tile(_FRAME, 2))
        area = _area(inner)
        size = (inner[2:] - inner[:2]).max()
        if area < 0.72 * _area(window) or size < 0.2 * 2 * _FRAME[1]:
            return False
        if on:
            return True
        shared = [
            _area(np.concatenate([np.maximum(window[:2], o[:2]), np.minimum(window[2:], o[2:])]))
            / min(area, _area(o))
            for o in self.windows
        ]
        return max(shared, default=0) < 0.4


def _area(window) -> float:
    return float(np.prod(np.maximum(window[2:] - window[:2], 0)))


def _box_corners(low, high) -> np.ndarray:
    return np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1])
                     for z in (low[2], high[2])])  # fmt: skip
