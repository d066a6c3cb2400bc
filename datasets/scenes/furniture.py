"""The objects in a room, each of random size and colours.

Shapes and materials are shared between classes (the wood of tables is that of chairs and cabinets,
the cloth of sofas that of beds), so that shape and material together tell the class.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np

from datasets.scenes import textures
from datasets.scenes.shapes import BALL, BOX, CYLINDER, Object3D, Solid, turn
from datasets.scenes.textures import BLACK, BRASS, WHITE, Texture, colour, plain, tint

Extent = tuple[float, float, float, float, float, float]
"""x, x, y, y, z, z: the low and high ends of a part, in units of half the width, half the depth and
the height of its object."""


def chair(rng) -> Object3D:
    size = rng.uniform([0.22, 0.21, 0.86], [0.26, 0.25, 1.02])
    slats = [(-1, 1, -1, -0.87, z, z + 0.12) for z in (0.6, 0.74, 0.88)]
    backs = [(-1, -0.74, -1, -0.74, 0, 1), (0.74, 1, -1, -0.74, 0, 1)]
    parts = [*_legs(0.13, 0.46), *backs, (-1, 1, -1, 1, 0.45, 0.5), *slats]
    return _object("chair", size, _solids(size, _wood(rng), parts))


def table(rng) -> Object3D:
    size, wood = rng.uniform([0.5, 0.36, 0.7], [0.85, 0.48, 0.78]), _wood(rng)
    if rng.random() < 0.35:
        size[:2] = rng.uniform(0.45, 0.65)
        foot, column, board = ((-r, r, -r, r, *z) for r, *z in _ROUND_TABLE)
        solids = _solids(size, wood, [foot, column, board], CYLINDER)
    else:
        rails = [(-0.92, 0.92, -0.86, 0.86, 0.8, 0.93)]
        solids = _solids(size, wood, [*_legs(0.1, 0.93), *rails, (-1, 1, -1, 1, 0.93, 1)])
    return _object("diningtable", size, solids, top=0.6)


_ROUND_TABLE = (0.5, 0, 0.07), (0.12, 0.07, 0.93), (1, 0.93, 1)  # radius, low and high end


def sofa(rng) -> Object3D:
    size = rng.uniform([0.72, 0.42, 0.78], [1.05, 0.48, 0.9])
    seats = [(x, x + 0.8, -0.5, 1.04, 0.35, 0.53) for x in (-0.81, 0.01)]
    backs = [(x, x + 0.8, -0.6, -0.3, 0.53, 0.96) for x in (-0.81, 0.01)]
    arms = [(-1, -0.84, -1, 1, 0.05, 0.72), (0.84, 1, -1, 1, 0.05, 0.72)]
    parts = [(-1, 1, -1, 1, 0.05, 0.34), (-0.84, 0.84, -1, -0.6, 0.3, 1), *arms, *seats, *backs]
    return _object("sofa", size, _solids(size, textures.noisy(_cloth(rng), 16, 0.25), parts))


def bed(rng) -> Object3D:
    size, wood = rng.uniform([0.55, 1.0, 0.8], [0.85, 1.0, 1.05]), _wood(rng)
    linen = plain(tint(rng, (0.06, 0.06), (0.92, 0.92)))
    quilt = textures.checks(plain(_cloth(rng)), plain(_cloth(rng)), 0.2)
    solids = [
        *_solids(size, wood, [(-1, 1, -1, 1, 0.05, 0.33), (-1, 1, -1.06, -1, 0, 1)]),
        *_solids(size, linen, [(-0.96, 0.96, -1, 0.97, 0.33, 0.53)]),
        *_solids(size, quilt, [(-1.02, 1.02, -0.5, 1.01, 0.25, 0.58)]),
    ]
    return _object("bed", size, solids)


def plant(rng) -> Object3D:
    size = np.repeat(rng.uniform([0.15, 0.26], [0.2, 0.38]), [2, 1])
    tall, count = rng.uniform(0.65, 1.0), int(rng.integers(11, 15))
    solids = _solids(
        size, plain(tint(rng, (0.05, 0.5), (0.35, 0.9))), [(-1, 1, -1, 1, 0, 1)], CYLINDER
    )
    hue = rng.uniform(70, 160) if rng.random() < 0.85 else rng.uniform(-30, 200)
    for k in range(count):
        rise = (k + 0.5) / count
        # The golden angle, as leaves grow; the low ones lean out.
        axes = turn(2.4 * k + rng.uniform(-0.3, 0.3), -rng.uniform(0.15, 0.4) - 0.85 * (1 - rise))
        length = tall * rng.uniform(0.36, 0.48) * (1 - 0.25 * rise)
        half = np.array([length * rng.uniform(0.26, 0.34), 0.015, length / 2])
        centre = np.array([0, 0, size[2] + tall * 0.5 * rise]) + axes[2] * (length / 2 + 0.03)
        ink = colour(hue + rng.uniform(-12, 12), rng.uniform(0.45, 0.7), rng.uniform(0.4, 0.68))
        leaf = textures.noisy(ink, (60, 60, 12), 0.25)
        solids.append(Solid(BALL, centre, half, leaf, axes=axes))
    return _object("pottedplant", size, solids)


def television(rng) -> Object3D:
    """A streak of light on dark glass."""
    size = rng.uniform(0.5, 0.75) * np.array([1, 0, rng.uniform(1.08, 1.24)]) + [0, 0.06, 0]
    dark, light = plain(colour(215, 0.35, 0.15)), plain(colour(215, 0.2, 0.42))
    glass = textures.where(lambda p: np.abs(p[0] + p[2] - 0.12) < 0.1, light, dark)
    return _panel("tvmonitor", size, textures.framed(glass, size, 0.03, BLACK))


def bottle(rng) -> Object3D:
    size = np.repeat(rng.uniform([0.095, 0.46], [0.12, 0.58]), [2, 1])
    ink = colour(rng.choice([28, 110, 140, 215]), rng.uniform(0.5, 0.8), rng.uniform(0.28, 0.55))
    shine = plain(ink * 2.5 + 0.1)
    glass = textures.where(lambda p: np.abs(p[0] - 0.03) < 0.015, shine, plain(ink))
    label = plain(tint(rng, (0.12, 0.12), (0.92, 0.92)))
    cap = plain(_cloth(rng))
    solids = [
        *_solids(size, glass, [(-1, 1, -1, 1, 0, 0.65), (-0.4, 0.4, -0.4, 0.4, 0.6, 1)], CYLINDER),
        *_solids(size, glass, [(-1, 1, -1, 1, 0.5, 0.8)], BALL),
        *_solids(size, label, [(-1.02, 1.02, -1.02, 1.02, 0.15, 0.5)], CYLINDER),
        *_solids(size, cap, [(-0.48, 0.48, -0.48, 0.48, 0.95, 1.03)], CYLINDER),
    ]
    return _object("bottle", size, solids)


def cabinet(rng) -> Object3D:
    """A low one with doors, or a high one with drawers."""
    if rng.random() < 0.5:
        size = rng.uniform([0.55, 0.2, 0.45], [0.8, 0.24, 0.58])
        edges = [(x, x + 0.62, 0.12, 0.9) for x in (-0.97, -0.31, 0.35)]
    else:
        size = rng.uniform([0.4, 0.2, 0.8], [0.6, 0.24, 1.25])
        edges = [(-0.97, 0.97, z, z + 0.27) for z in (0.07, 0.37, 0.67)]
    fronts = [(x1, x2, 0.9, 1.06, z1, z2) for x1, x2, z1, z2 in edges]
    grips = [
        ((x1 + x2) / 2 - 0.1, (x1 + x2) / 2 + 0.1, 1, 1.2, z2 - 0.14, z2 - 0.1)
        for x1, x2, _, z2 in edges
    ]
    sides = [(-1.01, -0.99, -1, 0.99, 0, 1), (0.99, 1.01, -1, 0.99, 0, 1)]
    solids = [
        *_solids(size, BLACK, [(-1, 1, -1, 1, 0, 0.96)]),
        *_solids(size, _wood(rng), [*fronts, *sides, (-1.02, 1.02, -1, 1.1, 0.95, 1)]),
        *_solids(size, BRASS, grips),
    ]
    return _object("cabinet", size, solids, top=0.6)


def bookshelf(rng) -> Object3D:
    count = int(rng.integers(3, 6))
    size = np.array([rng.uniform(0.4, 0.6), 0.16, count * rng.uniform(0.33, 0.37)])
    sides = [(-1, -0.95, -1, 1, 0, 1), (0.95, 1, -1, 1, 0, 1), (-1, 1, -1, -0.9, 0, 1)]
    shelves = [(-1, 1, -1, 1, z, z + 0.03) for z in np.linspace(0, 0.98, count + 1)]
    solids = _solids(size, _wood(rng), [*sides, *shelves])
    for z in np.linspace(0, 0.98, count + 1)[:-1]:
        right = 0.95 if rng.random() < 0.6 else rng.uniform(0.1, 0.8)
        row = (-0.95, right, -1, rng.uniform(0.6, 0.9), z, z + rng.uniform(0.65, 0.82) / count)
        solids += _solids(size, textures.books(rng, size[0]), [row])
    return _object("bookshelf", size, solids)


def lamp(rng) -> Object3D:
    size = np.repeat(rng.uniform([0.17, 1.35], [0.24, 1.65]), [2, 1])
    metal, cloth = (
        (BRASS, WHITE, BLACK)[rng.integers(3)],
        plain(tint(rng, (0.1, 0.45), (0.95, 0.95))),
    )
    foot = [(-0.7, 0.7, -0.7, 0.7, 0, 0.02), (-0.1, 0.1, -0.1, 0.1, 0, 0.9)]
    shade = [(-1, 1, -1, 1, rng.uniform(0.78, 0.82), 1)]
    solids = _solids(size, metal, foot, CYLINDER) + _solids(size, cloth, shade, CYLINDER, glow=0.6)
    return _object("lamp", size, solids)


def door(rng) -> Object3D:
    size = np.array([0.5, 0.05, 2.09])
    panels = product([(-0.66, -0.1), (0.1, 0.58)], [(0.09, 0.43), (0.54, 0.89)])
    wood = [(-0.86, 0.86, 0, 0.8, 0, 0.97), *((*x, 0, 1.1, *z) for x, z in panels)]
    solids = [
        *_solids(size, WHITE, [(-1, 1, 0, 0.7, 0, 1)]),
        *_solids(size, _wood(rng), wood),
        *_solids(size, BRASS, [(0.62, 0.78, 0.8, 1.6, 0.46, 0.49)]),
    ]
    return _object("door", size, solids)


def window(rng) -> Object3D:
    """Sky and hills behind bars."""
    size = rng.uniform([0.45, 0.04, 1.0], [0.8, 0.04, 1.36])
    sky, land = colour(rng.uniform(198, 214), 0.38, 0.98), colour(rng.uniform(70, 130), 0.45, 0.62)
    view = textures.hills(rng, plain(sky), plain(land), -0.2)
    bars = textures.where(lambda p: np.abs(p[[0, 2]]).min(0) < 0.03, WHITE, view)
    return _panel("window", size, textures.framed(bars, size, 0.06, WHITE), glow=0.8)


def picture(rng) -> Object3D:
    """Hills in a mount and a frame."""
    size = rng.uniform([0.22, 0.03, 0.44], [0.5, 0.03, 0.84])
    inks = (plain(tint(rng, (0.3, 0.7), (0.45, 0.95))) for _ in range(2))
    mounted = textures.framed(textures.hills(rng, *inks, 0), size, 0.1, WHITE)
    frame = (BLACK, WHITE, BRASS)[rng.integers(3)]
    return _panel("picture", size, textures.framed(mounted, size, 0.035, frame))


def rug(rng) -> Object3D:
    size = rng.uniform([0.7, 0.5, 0.012], [1.1, 0.8, 0.012])
    second = plain(tint(rng, (0.05, 0.3), (0.85, 0.85)))
    cloth = textures.checks(plain(_cloth(rng)), second, rng.uniform(0.15, 0.3))
    return _object("rug", size, _solids(size, cloth, [(-1, 1, -1, 1, 0, 1)]))


MAKERS = {
    "chair": chair, "diningtable": table, "sofa": sofa, "pottedplant": plant,
    "tvmonitor": television, "bottle": bottle, "cabinet": cabinet, "bookshelf": bookshelf,
    "bed": bed, "lamp": lamp, "door": door, "window": window, "picture": picture, "rug": rug,
}  # fmt: skip
"""The function that makes a random object of each class, called with a numpy Generator."""


def _object(name: str, size: np.ndarray, solids: list[Solid], top: float = 0.0) -> Object3D:
    """`top`: the share of the width and depth of its top that others may stand on."""
    return Object3D(name, tuple(solids), size * [top, top, 1] if top else None)


def _panel(name: str, size: np.ndarray, texture: Texture, glow: float = 0.0) -> Object3D:
    """A flat box that hangs on a wall."""
    return _object(name, size, _solids(size, texture, [(-1, 1, 0, 1, 0, 1)], glow=glow))


def _solids(size, texture: Texture, parts: Iterable[Extent], shape=BOX, glow=0.0) -> list[Solid]:
    """Parts of an object of a size: half its width, half its depth, its height."""
    solids = []
    for extent in parts:
        low, high = (np.array(extent, float).reshape(3, 2) * size[:, None]).T
        solids.append(Solid(shape, (low + high) / 2, (high - low) / 2, texture, glow))
    return solids


def _legs(width: float, top: float) -> list[Extent]:
    ends = (-1, 2 * width - 1), (1 - 2 * width, 1)
    return [(*x, *y, 0, top) for x, y in product(ends, ends)]


def _wood(rng) -> Texture:
    """Natural or painted."""
    base = colour(rng.uniform(16, 34), rng.uniform(0.45, 0.7), rng.uniform(0.32, 0.72))
    return textures.wood(base if rng.random() < 0.8 else tint(rng, (0.1, 0.4), (0.4, 0.85)), 0)


def _cloth(rng) -> np.ndarray:
    return tint(rng, (0.4, 0.7), (0.36, 0.72))
