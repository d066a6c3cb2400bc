"""From what a ray hits to a colour: surface, lamp, shadows, the light that the room throws back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.scenes.raycast import Caster, Hits, Rays
from datasets.scenes.room import LAMP_RADIUS
from datasets.scenes.shapes import multiply

_CORNER = 0.35  # metres: how far the dusk in corners reaches


class Surface(NamedTuple):
    """What N rays hit: points, unit normals facing the camera and colours (3, N) in the world;
    gloss and glow (N)."""

    points: np.ndarray
    normal: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    glow: np.ndarray


def surface(caster: Caster, rays: Rays, hits: Hits) -> Surface:
    points = caster.origin + rays.direction * hits.depth
    normal, colour = np.empty_like(points), np.empty_like(points)
    gloss, glow = np.empty_like(hits.depth), np.empty_like(hits.depth)
    order = np.argsort(hits.solid, kind="stable")
    groups = np.flatnonzero(np.diff(hits.solid[order])) + 1
    for group in np.split(order, groups):
        solid = caster.solids[hits.solid[group[0]]]
        local = solid.local(points[:, group])
        n = solid.normal(local)
        world = multiply(solid.axes.T, n)
        facing = -(world * rays.direction[:, group]).sum(0)
        width = hits.depth[group] / caster.focal / np.sqrt(np.clip(facing, 0.05, 1))
        normal[:, group] = world
        colour[:, group] = solid.material.pattern(local, n, width)
        gloss[group], glow[group] = solid.material.gloss, solid.material.glow
    return Surface(points, normal, colour, gloss, glow)


def lamp_points(caster: Caster, which: np.ndarray) -> np.ndarray:
    """(3, N): places on the lamp, a disc, by numbers 0 to 8."""
    around = np.arange(9) * 2.4
    reach = LAMP_RADIUS * np.sqrt((np.arange(9) + 0.5) / 9)
    disc = np.stack([reach * np.cos(around), reach * np.sin(around), 0 * around])
    return (caster.room.lamp[:, None] + disc).astype(np.float32)[:, which]


def shade(caster: Caster, rays: Rays, seen: Surface, lit: np.ndarray) -> np.ndarray:
    """(3, N) linear RGB. `lit` (N) is the share of the lamp that each point sees."""
    room = caster.room
    way = room.lamp.astype(np.float32)[:, None] - seen.points
    distance = np.sqrt((way * way).sum(0))
    way = way / distance
    lamp = np.maximum((way * seen.normal).sum(0), 0) * lit * (3.2 / (1 + 0.35 * distance**2))
    dusk = _dusk(caster, seen)
    # The light thrown back by the room: more from above, a little from the side of the camera.
    view = rays.direction / np.sqrt((rays.direction**2).sum(0))
    facing = -(view * seen.normal).sum(0)
    around = (0.42 + 0.16 * seen.normal[2] + 0.12 * facing) * dusk
    tint = room.lamp_colour
    light = tint * (lamp * (0.5 + 0.5 * dusk)) + around
    colour = seen.colour * (light * (1 - seen.glow) + seen.glow)
    shiny = np.flatnonzero(seen.gloss > 0)
    colour[:, shiny] += _mirrored(caster, seen, view, way, lit, shiny)
    return colour


def _mirrored(caster, seen, view, way, lit, which) -> np.ndarray:
    """What glossy surfaces add: the lamp's highlight, and the room seen at a flat angle."""
    normal, view, gloss = seen.normal[:, which], view[:, which], seen.gloss[which]
    cosine = np.clip(-(view * normal).sum(0), 0, 1)
    mirror = view + 2 * cosine * normal
    fresnel = 0.05 + 0.95 * (1 - cosine) ** 5
    spot = np.maximum((mirror * way[:, which]).sum(0), 0) ** (20 + 60 * gloss) * lit[which]
    scenery = 0.35 + 0.45 * np.clip(mirror[2] * 1.5, -0.5, 1)
    return gloss * (fresnel * scenery + 0.9 * spot) * caster.room.lamp_colour


def _dusk(caster: Caster, seen: Surface) -> np.ndarray:
    """(N) in (0, 1]: how much of the room's light reaches into corners and under things."""
    dusk = np.ones_like(seen.gloss)
    size = caster.room.size
    for axis in range(3):
        for side, distance in (
            (1, seen.points[axis]),
            (-1, np.float32(size[axis]) - seen.points[axis]),
        ):
            # A wall does not darken itself: the factor is 0 where the normals agree.
            turned = (1 - side * seen.normal[axis]) / 2
            dusk *= 1 - 0.55 * turned * np.exp(-np.maximum(distance, 0) / _CORNER)
    floor = np.flatnonzero((seen.points[2] < 0.02) & (seen.normal[2] > 0.9))
    x, y, _ = seen.points[:, floor]
    for thing in caster.room.things:
        if thing.is_object:
            low, high = np.array(thing.bounds(), np.float32)
            if low[2] < 0.2:
                dx = np.maximum(np.maximum(low[0] - x, x - high[0]), 0)
                dy = np.maximum(np.maximum(low[1] - y, y - high[1]), 0)
                dusk[floor] *= 1 - 0.4 * np.exp(-np.sqrt(dx * dx + dy * dy) / 0.15)
    return dusk
