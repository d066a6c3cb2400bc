"""Follows the ray through the centre of each pixel: what it hits, and how that is lit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.scenes.room import Room, focal_length
from datasets.scenes.shapes import rotate

_CONTACT = 0.15  # metres: how far the dark around objects on the floor reaches


class Hits(NamedTuple):
    """The first solid on the ray through each pixel.

    Attributes:
        rays: (3, H, W) float32 directions in the world, of depth 1.
        depth: (H, W) float32 metres along the optical axis.
        solid: (H, W) int16, its index among the solids of all objects.
    """

    rays: np.ndarray
    depth: np.ndarray
    solid: np.ndarray


def cast(room: Room, size: tuple[int, int]) -> Hits:
    """Follows the rays of an image of `size`. The room is closed: each of them meets a solid."""
    (height, width), focal, camera = size, focal_length(size), room.camera
    x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / focal)[None, None]
    y = ((np.arange(height, dtype=np.float32) + 0.5 - height / 2) / focal)[None, :, None]

    def rays(axes, rows=slice(None), columns=slice(None)):
        """The directions (3, rows, columns) in the frame of these axes."""
        right, down, view = (axes @ camera.axes.T).T.astype(np.float32)[..., None, None]
        return right * x[:, :, columns] + (down * y[:, rows] + view)

    depth, solid = np.full(size, np.inf, np.float32), np.full(size, -1, np.int16)
    parts = [part for thing in room.objects for part in thing.solids]
    windows = camera.windows(np.stack([part.corners() for part in parts]))
    for k, (part, window) in enumerate(zip(parts, _pixels(windows, size), strict=True)):
        scaled = part.axes / part.half[:, None]
        origin = (scaled @ (camera.position - part.centre)).astype(np.float32)
        t = part.hit(origin, rays(scaled, *window))
        closer = t < depth[window]
        depth[window][closer] = t[closer]
        solid[window][closer] = k
    return Hits(rays(np.eye(3)), depth, solid)


def _pixels(windows: np.ndarray, size: tuple[int, int]) -> list[tuple[slice, slice]]:
    """The rows and columns that windows (K, 4) at a depth of 1 cover."""
    most = size[::-1]
    edges = windows.reshape(-1, 2, 2) * focal_length(size) + np.array(most) / 2
    low = np.floor(np.clip(edges[:, 0], 0, most)).astype(int)
    high = np.ceil(np.clip(edges[:, 1], 0, most)).astype(int)
    return [(slice(y1, y2), slice(x1, x2)) for (x1, y1), (x2, y2) in zip(low, high, strict=True)]


def shade(room: Room, hits: Hits) -> tuple[np.ndarray, np.ndarray]:
    """Linear RGB, and the unit normals in the camera's frame, (H, W, 3) float32 each."""
    rays, depth, solid = (array.reshape(*array.shape[:-2], -1) for array in hits)
    points = room.camera.position.astype(np.float32)[:, None] + rays * depth
    normals, colours, glow = np.empty_like(points), np.empty_like(points), np.empty_like(depth)
    parts = [part for thing in room.objects for part in thing.solids]
    order = np.argsort(solid, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(solid[order])) + 1):
        part = parts[solid[group[0]]]
        local = rotate(part.axes, points[:, group] - part.centre.astype(np.float32)[:, None])
        normal = part.normals(local)
        normals[:, group] = rotate(part.axes.T, normal)
        colours[:, group], glow[group] = part.texture(local, normal), part.glow
    light = _light(room, points, normals, rays)
    colours *= light * (1 - glow) + glow
    images = colours, rotate(room.camera.axes, normals)
    return tuple(np.ascontiguousarray(image.T).reshape(*hits.depth.shape, 3) for image in images)


def _light(room: Room, points: np.ndarray, normals: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """(3, N): the light of the lamp, and that which the room throws back: more from above, a little
    from the side of the camera, less beside objects on the floor."""
    way = room.lamp.astype(np.float32)[:, None] - points
    distance = np.sqrt((way * way).sum(0))
    lamp = np.maximum((way * normals).sum(0) / distance, 0) * (2.6 / (1 + 0.35 * distance**2))
    facing = -(rays * normals).sum(0) / np.sqrt((rays * rays).sum(0))
    light = room.lamp_colour * lamp + 0.42 + 0.16 * normals[2] + 0.12 * facing
    floor = np.flatnonzero(points[2] < 0.02)
    place = points[:2, floor]
    for thing in room.objects:
        low, high = thing.bounds().astype(np.float32)[:, :2, None]
        if thing.has_box and thing.bounds()[0, 2] < 0.2:
            away = np.maximum(np.maximum(low - place, place - high), 0)
            light[:, floor] *= 1 - 0.45 * np.exp(-np.hypot(*away) / _CONTACT)
    return light
