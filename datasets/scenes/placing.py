"""Furnishes a room, so that things do not touch and can be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.scenes import fixtures
from datasets.scenes.classes import OBJECTS
from datasets.scenes.furniture import MAKERS, cabinet
from datasets.scenes.room import FOCAL, Room, empty_room
from datasets.scenes.shapes import turn
from datasets.scenes.things import Thing

Chooser = Callable[[int], tuple[np.ndarray, np.ndarray]]
# Gives K poses: where a thing's origin comes to lie (K, 3), and its turns (K) in radians.

_FRAME = np.array([0.5, 0.375]) / FOCAL  # half an image of 4:3, at a distance of 1
_SHARES = {"cabinet": 0.25, "bookshelf": 0.25, "bed": 0.2, "lamp": 0.2}  # against 1 of the others
_LARGE_FIRST = ("bed", "sofa", "bookshelf", "diningtable", "cabinet", "tvmonitor", "chair")
_AGAINST_WALLS = ("bed", "sofa", "bookshelf", "cabinet")
_AROUND_CAMERA = 0.8  # metres that stay free
_SHOWN = 0.78  # the least share of an object that is within the image,
_SMALLEST = {"bottle": 0.3}  # and the least length of its longer side, as a share of the height
_LENGTH = 0.42
_TRIES = 64  # poses
_CHOICE = 6  # of those that fit, to choose the largest from
_COVERED = 0.45  # the largest share of an object's window that another's may cover,
_CROWDED = 0.9  # and in crowded rooms


def furnish(rng: np.random.Generator) -> Room:
    """A room with two to five objects in view."""
    while True:
        placing = _Placing(rng)
        placing.openings()
        placing.objects()
        if len(placing.windows) >= 2:
            placing.decoration()
            return placing.room


class _Placing:
    """A room that fills up.

    Attributes:
        bounds: the lowest and highest coordinates of each thing that was placed.
        windows: where the camera sees each object.
        supports: things with a free top, and their poses.
    """

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.room = empty_room(rng)
        self.bounds: list[tuple[np.ndarray, np.ndarray]] = []
        self.windows: list[np.ndarray] = []
        self.supports: list[tuple[Thing, np.ndarray, float]] = []
        self._covered = _CROWDED if rng.random() < 0.1 else _COVERED

    def openings(self):
        """At most one door and two windows."""
        if self.rng.random() < 0.45:
            self._hang(fixtures.door(self.rng), 0.0)
        for chance in (0.55, 0.35):
            if self.rng.random() < chance:
                self._hang(fixtures.window(self.rng), self.rng.uniform(0.85, 1.05))

    def objects(self):
        """A few kinds, the large first; then others, for those that found no place."""
        kinds = list(OBJECTS)
        shares = np.array([_SHARES.get(kind, 1.0) for kind in kinds])
        order = list(self.rng.choice(kinds, len(kinds), False, shares / shares.sum()))
        if self.rng.random() < 0.3:
            order.insert(order.index("chair") + 1, "chair")
        number = self.rng.choice([3, 4, 4, 5])
        rank = {kind: k for k, kind in enumerate(_LARGE_FIRST)}
        first = sorted(order[:number], key=lambda kind: rank.get(kind, len(rank)))
        for kind in first + order[number:]:
            if len(self.windows) < number:
                self._object(kind)

    def decoration(self):
        """Pictures on the walls, perhaps a rug."""
        for _ in range(self.rng.integers(0, 4)):
            self._hang(fixtures.picture(self.rng), self.rng.uniform(1.25, 1.5))
        if self.rng.random() < 0.35:
            self._place(fixtures.rug(self.rng), self._on_floor(1.6, 3.4, upright=True))

    def _object(self, kind: str):
        rng = self.rng
        if kind == "tvmonitor" and len(self.windows) < 4 and rng.random() < 0.5:
            self._against_wall(cabinet(rng, low=True))
        thing = MAKERS[kind](rng)
        if kind in _AGAINST_WALLS:
            self._against_wall(thing)
        elif kind == "tvmonitor":
            self._on_top(thing, "cabinet") or self._hang(thing, rng.uniform(0.95, 1.2), gap=0.03)
        elif kind == "bottle":
            self._on_top(thing) or self._place(thing, self._on_floor(1.1, 2.1))
        elif kind == "diningtable":
            self._place(thing, self._on_floor(1.5, 3.2, upright=rng.random() < 0.6))
        else:
            self._place(thing, self._on_floor(1.3, 3.2))

    # Where things go: functions of the number of poses that are wanted.

    def _on_floor(self, near: float, far: float, upright: bool = False) -> Chooser:
        """Anywhere in the view at a depth between `near` and `far` metres; `upright`: parallel to
        the walls."""
        camera, rng = self.room.camera, self.rng

        def choose(count):
            depth = rng.uniform(near, far, (count, 1))
            sideways = depth * rng.uniform(-0.5, 0.5, (count, 1))
            spots = camera.position + depth * camera.axes[2] + sideways * camera.axes[0]
            yaws = rng.uniform(0, 2 * np.pi, count)
            if upright:
                yaws = np.round(yaws / (np.pi / 2)) * (np.pi / 2)
            return spots * [1, 1, 0], yaws

        return choose

    def _at_wall(self, thing: Thing, height: float, gap: float) -> Chooser:
        """Along the far or a side wall, its back `gap` metres from it."""
        (left, back, _), (right, *_) = thing.bounds()
        half, behind = (right - left) / 2, gap - back
        width, length, _ = self.room.size

        def choose(count):
            wall = self.rng.choice(3, count, p=[0.5, 0.25, 0.25])  # the far, the left, the right
            share = self.rng.random(count)
            first = min(1.2, length - half)
            y = np.where(wall == 0, length - behind, first + share * (length - half - first))
            x = np.choose(wall, [half + share * (width - 2 * half), behind, width - behind])
            yaws = np.choose(wall, [np.pi, -np.pi / 2, np.pi / 2])
            return np.stack([x, y, np.full(count, height)], axis=1), yaws

        return choose

    def _on(self, thing: Thing, support: Thing, offset, yaw: float) -> Chooser:
        """On a top: a television in its middle, all else anywhere."""
        share = 0.0 if thing.kind == "tvmonitor" else 1.0

        def choose(count):
            spots = self.rng.uniform(-share, share, (count, 3))
            spots[:, 2] = 1
            return offset + (spots * support.top) @ turn(yaw), np.full(count, yaw)

        return choose

    def _against_wall(self, thing: Thing) -> bool:
        return self._place(thing, self._at_wall(thing, 0.0, 0.02))

    def _hang(self, thing: Thing, height: float, gap: float = 0.0) -> bool:
        if thing.kind == "tvmonitor":  # without its foot
            thing = Thing(thing.kind, thing.solids[:1])
        return self._place(thing, self._at_wall(thing, height, gap))

    def _on_top(self, thing: Thing, kind: str | None = None) -> bool:
        """Puts it on a top that is still free, of a thing of class `kind` if that is given."""
        for support in self.supports:
            if kind in (None, support[0].kind) and self._place(
                thing, self._on(thing, *support), covering=True
            ):
                self.supports.remove(support)
                return True
        return False

    def _place(self, thing: Thing, choose: Chooser, covering: bool = False) -> bool:
        """Puts the thing where it fits, of a few such poses that where it looks largest. Objects
        must also be seen well; those that stand on others may cover them."""
        is_object = thing.is_object
        offsets, yaws = choose(_TRIES)
        x, y, z = _corners(*thing.bounds()).T
        cos, sin = np.cos(yaws)[:, None], np.sin(yaws)[:, None]
        corners = np.stack([x * cos - y * sin, x * sin + y * cos, z + 0 * cos], axis=2)
        corners += offsets[:, None]
        low, high = corners.min(1), corners.max(1)
        fitting = np.flatnonzero(self._fit(low, high))
        windows = self.room.camera.windows(corners[fitting])
        if is_object:
            seen = self._seen(thing.kind, windows, covering)
            fitting, windows = fitting[seen], windows[seen]
        if not fitting.size:
            return False
        best = _area(windows[:_CHOICE]).argmax()
        item = fitting[best]
        self.room.things.append(thing.moved(offsets[item], yaws[item]))
        self.bounds.append((low[item], high[item]))
        if is_object:
            self.windows.append(windows[best])
        if thing.top:
            self.supports.append((thing, offsets[item] + [0, 0, 1e-3], yaws[item]))
        return True

    def _fit(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """(K) bool: in the room, not at the camera, and clear of all other things."""
        fit = (low[:, :2] > -0.01).all(1) & (high < self.room.size + 0.01).all(1)
        camera = self.room.camera.position
        way = np.clip(camera, low, high) - camera
        fit &= np.hypot(way[:, 0], way[:, 1]) > _AROUND_CAMERA
        for other_low, other_high in self.bounds:
            fit &= ~((low < other_high) & (high > other_low)).all(1)
        return fit

    def _seen(self, kind: str, windows: np.ndarray, covering: bool) -> np.ndarray:
        """(K) bool: large enough, mostly in the image, neither hidden by others nor hiding them."""
        inner = np.clip(windows, -np.tile(_FRAME, 2), np.tile(_FRAME, 2))
        length = (inner[:, 2:] - inner[:, :2]).max(1) / (2 * _FRAME[1])
        seen = np.isfinite(windows).all(1) & (length > _SMALLEST.get(kind, _LENGTH))
        seen &= _area(inner) > _SHOWN * _area(windows)
        for other in self.windows if not covering else ():
            shared = np.concatenate(
                [np.maximum(inner[:, :2], other[:2]), np.minimum(inner[:, 2:], other[2:])], axis=1
            )
            seen &= _area(shared) < self._covered * np.minimum(_area(inner), _area(other[None]))
        return seen


def _area(windows: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(windows[:, 2:] - windows[:, :2], 0), axis=1)


def _corners(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(8, 3): the corners of an upright box."""
    return np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(8, 3)
