"""What belongs to the room: it has a class, and no box."""

from __future__ import annotations

import numpy as np

from datasets.scenes import room_materials as m
from datasets.scenes.furniture import cloth_colour, wood_of
from datasets.scenes.patterns import BLACK, BRASS, WHITE, colour, plain, pleasant_hue
from datasets.scenes.shapes import Solid
from datasets.scenes.things import Thing, box


def picture(rng) -> Thing:
    """Its origin is the middle of its lower edge, at the wall."""
    half = np.array([rng.uniform(0.22, 0.5), 0.015, rng.uniform(0.22, 0.42)])
    frame = [BLACK, WHITE, BRASS, colour(28, 0.55, 0.4)][rng.integers(4)]
    art = m.painting(rng, half, frame)
    return Thing("picture", (Solid("box", half * [0, 1, 1], half, np.eye(3), art),))


def window(rng) -> Thing:
    half = np.array([rng.uniform(0.45, 0.8), 0.02, rng.uniform(0.5, 0.68)])
    sill = plain(WHITE)
    glass = Solid("box", half * [0, 1, 1], half, np.eye(3), m.outdoors(rng, half))
    board = box((-half[0] - 0.06, half[0] + 0.06), (0, 0.12), (-0.04, 0), sill)
    return Thing("window", (glass, board))


def door(rng) -> Thing:
    wood, width, height = wood_of(rng), 0.43, 2.02
    white = plain(WHITE * 0.85)
    solids = [
        box((-width, width), (0, 0.035), (0, height), wood(2)),
        box((-width - 0.07, -width), (0, 0.05), (0, height + 0.07), white),
        box((width, width + 0.07), (0, 0.05), (0, height + 0.07), white),
        box((-width, width), (0, 0.05), (height, height + 0.07), white),
        Solid("ball", np.array([width - 0.08, 0.07, 1.0]), np.full(3, 0.035), np.eye(3),
              plain(BRASS, 0.7)),
    ]  # fmt: skip
    for z in ((0.18, 0.9), (1.12, 1.86)):
        for x in ((0.1 - width, -0.05), (0.05, width - 0.1)):
            solids.append(box(x, (0.035, 0.05), z, wood(2)))
    return Thing("door", tuple(solids))


def rug(rng) -> Thing:
    half = np.array([rng.uniform(0.7, 1.1), rng.uniform(0.5, 0.8), 0.006])
    first, second = cloth_colour(rng), colour(pleasant_hue(rng), rng.uniform(0.05, 0.3), 0.85)
    cloth = m.rug(first, second, half, rng.choice(["lozenges", "stripes", "rings"]))
    return Thing("rug", (Solid("box", half * [0, 0, 1], half, np.eye(3), cloth),))
