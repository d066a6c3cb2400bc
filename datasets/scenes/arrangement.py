"""Furnishes rooms so that objects do not touch and can be seen."""

from __future__ import annotations

import numpy as np

from datasets.scenes.classes import OBJECTS
from datasets.scenes.furniture import MAKERS
from datasets.scenes.room import FOCAL, Room, empty_room
from datasets.scenes.shapes import Object3D, turn

Poses = tuple[np.ndarray, np.ndarray]
"""Places of an object's origin (K, 3), and its turns (K) in radians."""

_FRAME = np.array([-0.5, -0.375, 0.5, 0.375]) / FOCAL
"""The window of an image of 4:3 at a depth of 1: x1, y1, x2, y2."""
_SHARES = {"cabinet": 0.3, "bookshelf": 0.3, "bed": 0.2, "lamp": 0.15}  # against 1 of the others
_LARGE_FIRST = ("bed", "sofa", "bookshelf", "diningtable", "cabinet", "tvmonitor", "chair")
_AROUND_CAMERA = 0.8  # metres that stay free
_SHOWN = 0.78  # the least share of an object that is within the image
_LENGTH, _BOTTLE = 0.42, 0.3  # the least length of its longer side, as a share of the height
_COVERED = 0.45  # the largest share of an object that another may cover
_POSES, _CHOICE = 64, 6  # poses tried, and of those that fit, the number compared


def furnish(rng: np.random.Generator) -> Room:
    """A room with two to five objects in view that have boxes."""
    while True:
        arrangement = _Arrangement(rng)
        if arrangement.add_objects():
            return arrangement.room


class _Arrangement:
    """A room that fills up.

    Attributes:
        bounds: the lowest and highest coordinates of each object.
        windows: where the camera sees each object that has a box.
        tops: objects with a free top, and their poses.
    """

    def __init__(self, rng: np.random.Generator):
        self.rng, self.room = rng, empty_room(rng)
        self.bounds: list[tuple[np.ndarray, np.ndarray]] = []
        self.windows: list[np.ndarray] = []
        self.tops: list[tuple[Object3D, np.ndarray, float]] = []

    def add_objects(self) -> bool:
        """Adds three to five objects, the large first, and others for those that find no place;
        then decoration. False where fewer than two find one."""
        rng = self.rng
        for name, chance in (("door", 0.45), ("window", 0.55), ("window", 0.35)):
            if rng.random() < chance:
                self._add(name)
        shares = np.array([_SHARES.get(name, 1.0) for name in OBJECTS])
        names = list(rng.choice(OBJECTS, len(OBJECTS), False, shares / shares.sum()))
        if rng.random() < 0.3:
            names.insert(names.index("chair") + 1, "chair")
        number = rng.choice([3, 4, 4, 5])
        rank = {name: k for k, name in enumerate(_LARGE_FIRST)}
        for name in sorted(names[:number], key=lambda name: rank.get(name, 9)) + names[number:]:
            if len(self.windows) < number:
                self._add(name)
        for name in ["picture"] * rng.integers(4) + ["rug"] * (rng.random() < 0.35):
            self._add(name)
        return len(self.windows) >= 2

    def _add(self, name: str) -> None:
        added, uniform = MAKERS[name](self.rng), self.rng.uniform
        if name == "bottle" and self._place_on_top(added):
            return
        poses = {
            "window": lambda: self._at_wall(added, uniform(0.85, 1.05)),
            "picture": lambda: self._at_wall(added, uniform(1.25, 1.5)),
            "tvmonitor": lambda: self._at_wall(added, uniform(0.8, 1.2)),
            "rug": lambda: self._on_floor(1.6, 3.4, aligned=True),
            "diningtable": lambda: self._on_floor(1.5, 3.2, aligned=uniform() < 0.6),
            "bottle": lambda: self._on_floor(1.1, 2.1),
            **dict.fromkeys(("chair", "pottedplant", "lamp"), lambda: self._on_floor(1.3, 3.2)),
        }
        self._place(added, poses.get(name, lambda: self._at_wall(added, 0.0))())

    def _on_floor(self, near: float, far: float, aligned: bool = False) -> Poses:
        """Anywhere in view at a depth between `near` and `far` metres; `aligned` with the walls."""
        camera, rng = self.room.camera, self.rng
        depth = rng.uniform(near, far, (_POSES, 1))
        sideways = depth * rng.uniform(-0.5, 0.5, (_POSES, 1))
        spots = camera.position + depth * camera.axes[2] + sideways * camera.axes[0]
        yaws = rng.uniform(0, 2 * np.pi, _POSES)
        return spots * [1, 1, 0], np.round(yaws / (np.pi / 2)) * (np.pi / 2) if aligned else yaws

    def _at_wall(self, added: Object3D, height: float) -> Poses:
        """With its back at the far or a side wall."""
        (left, back, _), (right, *_) = added.bounds()
        half, behind = (right - left) / 2, 0.01 - back
        width, length, _ = self.room.size
        wall = self.rng.choice(3, _POSES, p=[0.5, 0.25, 0.25])  # the far, the left, the right
        share = self.rng.random(_POSES)
        first = min(1.2, length - half)
        y = np.where(wall == 0, length - behind, first + share * (length - half - first))
        x = np.choose(wall, [half + share * (width - 2 * half), behind, width - behind])
        yaws = np.choose(wall, [np.pi, -np.pi / 2, np.pi / 2])
        return np.stack([x, y, np.full(_POSES, height)], axis=1), yaws

    def _place_on_top(self, added: Object3D) -> bool:
        """Places an object on a free top, which it may hide. False where there is none."""
        for below, offset, yaw in self.tops:
            spots = self.rng.uniform([-1, -1, 1], 1, (_POSES, 3)) * below.top
            if self._place(added, (offset + spots @ turn(yaw), np.full(_POSES, yaw)), hiding=True):
                self.tops = [top for top in self.tops if top[0] is not below]
                return True
        return False

    def _place(self, added: Object3D, poses: Poses, hiding: bool = False) -> bool:
        """Adds an object at a pose where it fits and looks large. False where it fits at none. One
        with a box must also be seen well, and only if `hiding` may it hide others."""
        offsets, yaws = poses
        (x, y, z), cos, sin = added.corners().T, np.cos(yaws)[:, None], np.sin(yaws)[:, None]
        corners = np.stack([x * cos - y * sin, x * sin + y * cos, z + 0 * cos], axis=2)
        corners += offsets[:, None]
        low, high = corners.min(1), corners.max(1)
        windows = self.room.camera.windows(corners)
        fits = self._fits(low, high)
        if added.has_box:
            fits &= self._is_visible(added.class_name, windows, hiding)
        choice = np.flatnonzero(fits)[:_CHOICE]
        if not choice.size:
            return False
        pose = choice[_area(windows[choice]).argmax()]
        self.room.objects.append(added.moved(offsets[pose], yaws[pose]))
        self.bounds.append((low[pose], high[pose]))
        if added.has_box:
            self.windows.append(windows[pose])
        if added.top is not None:
            self.tops.append((added, offsets[pose] + [0, 0, 1e-3], yaws[pose]))
        return True

    def _fits(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """(K) bool: in the room, not at the camera, and clear of all other objects."""
        fits = (low > -0.01).all(1) & (high < self.room.size + 0.01).all(1)
        camera = self.room.camera.position
        fits &= np.hypot(*(np.clip(camera, low, high) - camera)[:, :2].T) > _AROUND_CAMERA
        for other_low, other_high in self.bounds:
            fits &= ~((low < other_high) & (high > other_low)).all(1)
        return fits

    def _is_visible(self, name: str, windows: np.ndarray, hiding: bool) -> np.ndarray:
        """(K) bool: large enough, mostly in the image, neither hidden by others nor hiding them."""
        inner = _overlap(windows, _FRAME)
        length = (inner[:, 2:] - inner[:, :2]).max(1) / (2 * _FRAME[3])
        visible = length > (_BOTTLE if name == "bottle" else _LENGTH)
        visible &= _area(inner) > _SHOWN * _area(windows)  # an infinite window is not
        for other in self.windows if not hiding else ():
            smaller = np.minimum(_area(inner), _area(other[None]))
            visible &= _area(_overlap(inner, other)) < _COVERED * smaller
        return visible


def _overlap(windows: np.ndarray, other: np.ndarray) -> np.ndarray:
    low, high = np.maximum(windows[:, :2], other[:2]), np.minimum(windows[:, 2:], other[2:])
    return np.concatenate([low, high], axis=1)


def _area(windows: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(windows[:, 2:] - windows[:, :2], 0), axis=1)
