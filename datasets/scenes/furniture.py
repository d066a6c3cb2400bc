"""What stands in the rooms, each built of a few solids.

A thing's own frame has x to its right, y to its front and z up, the origin on the floor below its
middle. Shapes and surfaces are shared between classes on purpose (a table's wood is a chair's and
a cabinet's, a television has the shape of a picture, a sofa the cloth of a bed), and colours are
random, so only shape and surface together tell the class.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from datasets.scenes import materials as m
from datasets.scenes.patterns import (
    BLACK,
    BRASS,
    STEEL,
    Colour,
    Material,
    colour,
    plain,
    pleasant_hue,
)
from datasets.scenes.shapes import Solid, turn
from datasets.scenes.things import Thing, box, cone, rod


def chair(rng) -> Thing:
    wood = wood_of(rng)
    width, depth = rng.uniform(0.22, 0.26), rng.uniform(0.21, 0.25)
    seat, top = rng.uniform(0.43, 0.48), rng.uniform(0.86, 1.02)
    leg = 0.032
    uprights = wood(2)
    solids = [
        *(
            box((x - leg, x + leg), (y - leg, y + leg), (0, top if y < 0 else seat), uprights)
            for x in (leg - width, width - leg)
            for y in (leg - depth, depth - leg)
        ),
        box((-width, width), (-depth, depth), (seat - 0.04, seat), wood(0)),
    ]
    back = (-depth, -depth + 0.03)
    if rng.random() < 0.5:  # slats across
        for z in np.linspace(seat + 0.16, top - 0.05, 3):
            solids.append(box((-width, width), back, (z - 0.06, z + 0.06), wood(0)))
    else:  # upright slats below a rail
        solids.append(box((-width, width), back, (top - 0.1, top), wood(0)))
        for x in np.linspace(-width * 0.55, width * 0.55, 3):
            solids.append(box((x - 0.045, x + 0.045), back, (seat, top - 0.1), wood(2)))
    if rng.random() < 0.4:
        cushion = m.weave(cloth_colour(rng))
        inner = (0.035 - depth, depth - 0.01)
        solids.append(box((0.02 - width, width - 0.02), inner, (seat, seat + 0.05), cushion))
    return Thing("chair", tuple(solids))


def table(rng) -> Thing:
    wood = wood_of(rng)
    height = rng.uniform(0.7, 0.78)
    if rng.random() < 0.35:
        radius = rng.uniform(0.45, 0.65)
        solids = (
            cone(0, 0, (height - 0.055, height), radius, wood(0)),
            cone(0, 0, (0.05, height - 0.04), 0.07, wood(2)),
            cone(0, 0, (0, 0.06), radius * 0.55, wood(0), 0.5),
        )
        return Thing("diningtable", solids, (radius * 0.6, radius * 0.6, height))
    width, depth = rng.uniform(0.5, 0.85), rng.uniform(0.36, 0.48)
    inset, leg = 0.06, 0.045
    legs, rail = wood(2), wood(0)
    solids = [
        *(
            box((x - leg, x + leg), (y - leg, y + leg), (0, height - 0.04), legs)
            for x in (inset - width, width - inset)
            for y in (inset - depth, depth - inset)
        ),
        box((-width, width), (-depth, depth), (height - 0.055, height), wood(0)),
    ]
    for side in (-1, 1):
        y = side * (depth - inset)
        solids.append(
            box((inset - width, width - inset), (y - 0.012, y + 0.012),
                (height - 0.17, height - 0.05), rail)
        )  # fmt: skip
    return Thing("diningtable", tuple(solids), (width * 0.8, depth * 0.7, height))


def sofa(rng) -> Thing:
    base = cloth_colour(rng)
    cloth = m.weave(base)
    width, depth = rng.uniform(0.72, 1.05), rng.uniform(0.42, 0.48)
    seat, back, arm = rng.uniform(0.4, 0.46), rng.uniform(0.78, 0.9), rng.uniform(0.12, 0.18)
    arms = seat + rng.uniform(0.12, 0.2)
    feet = wood_of(rng)(2)
    inner = width - arm
    solids = [
        box((-width, width), (-depth, depth), (0.1, seat - 0.14), cloth),
        box((-inner, inner), (-depth, 0.2 - depth), (seat - 0.14, back), cloth),
    ]
    for side in (-1, 1):
        x = sorted((side * inner, side * width))
        solids.append(box(x, (-depth, depth), (0.1, arms), cloth))
        if rng.random() < 0.5:
            solids.append(
                rod((side * (inner + arm / 2), -depth, arms),
                    (side * (inner + arm / 2), depth, arms), arm / 2 + 0.02, cloth)
            )  # fmt: skip
        for y in (0.06 - depth, depth - 0.06):
            x = side * (width - 0.06)
            solids.append(cone(x, y, (0, 0.1), 0.025, feet))
    count = 2 if width < 0.9 else 3
    edges = np.linspace(-inner, inner, count + 1)
    for low, high in pairwise(edges):
        x = (low + 0.008, high - 0.008)
        solids.append(box(x, (0.2 - depth, depth + 0.02), (seat - 0.13, seat), cloth))
        solids.append(box(x, (0.18 - depth, 0.3 - depth), (seat, back - 0.03), cloth))
    if rng.random() < 0.7:
        for side in (-1, 1)[: rng.integers(1, 3)]:
            solids.append(
                _pillow(rng, side * (inner - 0.24), 0.4 - depth, seat + 0.19, 0.2, lean=0.35)
            )
    return Thing("sofa", tuple(solids))


def bed(rng) -> Thing:
    width, length = rng.uniform(0.55, 0.85), 1.0
    wood = wood_of(rng)
    linen = m.weave(colour(pleasant_hue(rng), 0.06, 0.92))
    cover = m.quilt(cloth_colour(rng), cloth_colour(rng))
    solids = [
        box((-width, width), (-length, length), (0.08, 0.3), wood(0)),
        box((-width, width), (-length - 0.06, -length), (0, rng.uniform(0.8, 1.05)), wood(0)),
        box((0.03 - width, width - 0.03), (-length, length - 0.03), (0.3, 0.5), linen),
        box((-width - 0.01, width + 0.01), (0.5 - length, length + 0.01), (0.22, 0.54), cover),
    ]
    for x in (-width / 2, width / 2)[: 1 if width < 0.65 else 2]:
        x = 0 if width < 0.65 else x
        solids.append(_pillow(rng, x, 0.25 - length, 0.57, width * 0.4, lean=1.25))
    return Thing("bed", tuple(solids))


def plant(rng) -> Thing:
    height, radius = rng.uniform(0.26, 0.38), rng.uniform(0.15, 0.2)
    kind = rng.choice(["plain", "band", "zigzag"])
    pot = m.terracotta(_pot(rng), colour(pleasant_hue(rng), 0.3, 0.9), kind, height / 2)
    solids = [
        cone(0, 0, (0, height), radius * 0.78, pot, 1 / 0.78),
        cone(0, 0, (height, height + 0.005), radius * 0.9, plain(colour(25, 0.5, 0.22))),
    ]
    hue = rng.uniform(70, 160) if rng.random() < 0.85 else rng.uniform(-30, 200)
    tall = rng.uniform(0.65, 1.0)
    count = int(rng.integers(13, 18))
    for k in range(count):
        around = 2.4 * k + rng.uniform(-0.3, 0.3)  # the golden angle, as leaves grow
        rise = (k + 0.5) / count
        lean = rng.uniform(0.15, 0.4) + 0.85 * (1 - rise)
        length = tall * rng.uniform(0.34, 0.46) * (1 - 0.25 * rise)
        foot = np.array([0, 0, height + tall * 0.5 * rise])
        axes = turn(around, -lean)
        ink = colour(hue + rng.uniform(-12, 12), rng.uniform(0.45, 0.7), rng.uniform(0.4, 0.68))
        half = np.array([length * rng.uniform(0.24, 0.32), 0.012, length / 2])
        centre = foot + axes[2] * (length / 2 + 0.03)
        solids.append(Solid("ball", centre, half, axes, m.leaf(ink)))
    solids.append(cone(0, 0, (height, height + tall * 0.55), 0.016, plain(colour(70, 0.5, 0.4))))
    return Thing("pottedplant", tuple(solids))


def television(rng) -> Thing:
    """It hangs on a wall or stands on a low cabinet; its origin is the middle of its foot."""
    half = np.array([rng.uniform(0.5, 0.75), 0.03, 0.0])
    half[2] = half[0] * rng.uniform(0.54, 0.62)
    panel = m.screen(rng, half, on=rng.random() < 0.25)
    black = plain(BLACK, 0.2)
    lift = 0.07
    solids = (
        Solid("box", np.array([0, 0, lift + half[2]]), half, np.eye(3), panel),
        box((-0.05, 0.05), (-0.02, 0.02), (0.01, lift), black),
        box((-half[0] * 0.45, half[0] * 0.45), (-0.1, 0.1), (0, 0.015), black),
    )
    return Thing("tvmonitor", solids)


def bottle(rng) -> Thing:
    height, radius = rng.uniform(0.46, 0.58), rng.uniform(0.095, 0.12)
    ink = colour(rng.choice([28, 110, 140, 215]), rng.uniform(0.5, 0.8), rng.uniform(0.28, 0.55))
    body = height * rng.uniform(0.52, 0.6)
    shoulder = body + height * rng.uniform(0.12, 0.17)
    glass = m.glass(ink, body / 2, rng.uniform(0.3, 0.9))
    clear = plain(ink * 1.2, 0.9)
    label = plain(colour(pleasant_hue(rng), 0.12, 0.92))
    solids = (
        cone(0, 0, (0, body), radius, glass),
        cone(0, 0, (body, shoulder), radius, clear, 0.4),
        cone(0, 0, (shoulder, height), radius * 0.4, clear),
        cone(0, 0, (height * 0.95, height + 0.012), radius * 0.48, plain(cloth_colour(rng), 0.1)),
        cone(0, 0, (body * 0.25, body * 0.75), radius * 1.02, label),
    )
    return Thing("bottle", solids)


def cabinet(rng, low: bool | None = None) -> Thing:
    low = rng.random() < 0.5 if low is None else low
    wood = wood_of(rng)
    width = rng.uniform(0.55, 0.8) if low else rng.uniform(0.4, 0.6)
    depth = rng.uniform(0.2, 0.24)
    height = rng.uniform(0.42, 0.55) if low else rng.uniform(0.8, 1.25)
    board, foot = width + 0.015, plain(BLACK)
    solids = [
        box((-width, width), (-depth, depth), (0.06, height), wood(0)),
        box((0.03 - width, width - 0.03), (0.03 - depth, depth - 0.03), (0, 0.07), foot),
        box((-board, board), (-depth, depth + 0.03), (height, height + 0.03), wood(0)),
    ]
    rows, columns = (1, 3) if low else ((3, 1) if rng.random() < 0.5 else (1, 2))
    metal = plain(BRASS if rng.random() < 0.5 else STEEL, 0.6)
    xs, zs = np.linspace(-width, width, columns + 1), np.linspace(0.06, height, rows + 1)
    for i in range(columns):
        for j in range(rows):
            x, z = (xs[i] + 0.02, xs[i + 1] - 0.02), (zs[j] + 0.02, zs[j + 1] - 0.02)
            solids.append(box(x, (depth, depth + 0.018), z, wood(0 if rows > 1 else 2)))
            middle, across = sum(x) / 2, sum(z) / 2
            if rows > 1:
                grip = box((middle - 0.09, middle + 0.09), (depth, depth + 0.045),
                           (across - 0.012, across + 0.012), metal)  # fmt: skip
            else:
                edge = x[1] - 0.06 if i % 2 == 0 else x[0] + 0.06
                grip = box((edge - 0.012, edge + 0.012), (depth, depth + 0.045),
                           (across - 0.09, across + 0.09), metal)  # fmt: skip
            solids.append(grip)
    return Thing("cabinet", tuple(solids), (width * 0.8, depth * 0.5, height + 0.03))


def bookshelf(rng) -> Thing:
    wood = wood_of(rng)
    width, depth, count = rng.uniform(0.4, 0.6), 0.16, int(rng.integers(3, 6))
    step = rng.uniform(0.33, 0.37)
    height = count * step + 0.04
    board = 0.018
    solids = [
        box((-width, board - width), (-depth, depth), (0, height), wood(2)),
        box((width - board, width), (-depth, depth), (0, height), wood(2)),
        box((-width, width), (-depth, 0.015 - depth), (0, height), wood(2)),
    ]
    for k in range(count + 1):
        z = 0.02 + k * step
        solids.append(box((-width, width), (-depth, depth), (z - board, z + board), wood(0)))
        if k < count:
            reach = width - board if rng.random() < 0.6 else width * rng.uniform(0.1, 0.8)
            tall = step * rng.uniform(0.62, 0.8)
            low = board - width
            books = m.spines(rng, (reach - low) / 2)
            solids.append(
                box((low, reach), (-depth, depth - rng.uniform(0.02, 0.06)), (z, z + tall), books)
            )
    return Thing("bookshelf", tuple(solids))


def lamp(rng) -> Thing:
    height, radius = rng.uniform(1.35, 1.65), rng.uniform(0.17, 0.24)
    metal = plain([BRASS, STEEL, BLACK][rng.integers(3)], 0.5)
    cloth = m.shade(colour(pleasant_hue(rng), rng.uniform(0.1, 0.45), 0.95), 0.6)
    tall = rng.uniform(0.26, 0.36)
    solids = (
        cone(0, 0, (0, 0.03), 0.15, metal, 0.9),
        cone(0, 0, (0.03, height - tall), 0.016, metal),
        cone(0, 0, (height - tall, height), radius, cloth, rng.uniform(0.55, 0.95)),
    )
    return Thing("lamp", solids)


MAKERS: dict[str, Callable[[np.random.Generator], Thing]] = {
    "chair": chair,
    "diningtable": table,
    "sofa": sofa,
    "pottedplant": plant,
    "tvmonitor": television,
    "bottle": bottle,
    "cabinet": cabinet,
    "bookshelf": bookshelf,
    "bed": bed,
    "lamp": lamp,
}
"""By class, what makes a thing of random shape and looks."""


def wood_of(rng) -> Callable[[int], Material]:
    """Natural or painted wood; called with the axis along which its grain runs."""
    if rng.random() < 0.8:
        base = colour(rng.uniform(16, 34), rng.uniform(0.45, 0.7), rng.uniform(0.32, 0.72))
    else:
        base = colour(pleasant_hue(rng), rng.uniform(0.1, 0.4), rng.uniform(0.4, 0.85))
    made = [m.grain(rng, base, along) for along in range(3)]
    return made.__getitem__


def cloth_colour(rng) -> Colour:
    return colour(pleasant_hue(rng), rng.uniform(0.4, 0.7), rng.uniform(0.36, 0.72))


def _pot(rng) -> Colour:
    if rng.random() < 0.4:
        return colour(rng.uniform(10, 24), rng.uniform(0.5, 0.65), rng.uniform(0.6, 0.8))
    return colour(pleasant_hue(rng), rng.uniform(0.05, 0.5), rng.uniform(0.35, 0.9))


def _pillow(rng, x, y, z, size, lean) -> Solid:
    axes = turn(0, lean)
    half = np.array([size, 0.09, min(size, 0.24)])
    cover = m.pillow(cloth_colour(rng), colour(pleasant_hue(rng), 0.1, 0.92))
    return Solid("ball", np.array([x, y, z], float), half, axes, cover)
