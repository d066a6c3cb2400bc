"""Textures: the colours of the points of a surface.

A texture is called with points (3, N) in the frame of their solid, in metres, and the unit normals
(3, N) there. It returns linear RGB, (3, N) or (3, 1).
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence

import numpy as np

Texture = Callable[[np.ndarray, np.ndarray], np.ndarray]
Colour = np.ndarray  # (3, 1) float32, linear RGB

_HUES = (5, 48, 85, 120, 155, 178, 200, 222, 262, 335)
_TABLE = np.random.default_rng(7).uniform(-1, 1, (64, 64)).astype(np.float32)


def colour(hue: float, saturation: float, value: float) -> Colour:
    """A colour by its hue in degrees, and saturation and value in [0, 1] as a screen shows it."""
    rgb = colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)
    return (np.array(rgb, np.float32) ** np.float32(2.2))[:, None]


def tint(rng, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
    """A random colour, of a hue that is common in homes, between two saturations and values."""
    hue = rng.choice(_HUES) + rng.uniform(-10, 10)
    return colour(hue, rng.uniform(*saturation), rng.uniform(*value))


def plain(base: Colour) -> Texture:
    return lambda p, n: base


WHITE = plain(colour(40, 0.03, 0.9))
BLACK = plain(colour(220, 0.15, 0.09))
BRASS = plain(colour(42, 0.5, 0.72))


def where(mask: Callable[[np.ndarray], np.ndarray], inner: Texture, outer: Texture) -> Texture:
    """`inner` at the points where `mask(points)`, else `outer`."""
    return lambda p, n: np.where(mask(p), inner(p, n), outer(p, n))


def framed(inner: Texture, size: np.ndarray, width: float, edge: Texture) -> Texture:
    """`inner` with an edge around it, on an upright face; `size` is that of its object."""
    wide, tall = size[0], size[2] / 2
    return where(
        lambda p: np.minimum(wide - np.abs(p[0]), tall - np.abs(p[2])) < width, edge, inner
    )


def checks(first: Texture, second: Texture, size: float) -> Texture:
    """A chessboard on every face of a box."""

    def texture(p, n):
        cells = np.floor(p / size) * (np.abs(n) < 0.5)
        return np.where(cells.sum(0) % 2 < 1, first(p, n), second(p, n))

    return texture


def noisy(base: Colour, scale: float | Sequence[float], strength: float) -> Texture:
    """A colour that varies by `strength`, `scale` times a metre along all or each of the axes."""
    scales = np.broadcast_to(np.float32(scale), 3)[:, None]

    def texture(p, n):
        x, y, z = p * scales
        return base * (1 + strength * noise(x + 0.6 * z, y + 0.8 * z))

    return texture


def wood(base: Colour, along: int) -> Texture:
    """Streaks along an axis."""
    return noisy(base, [2 if axis == along else 24 for axis in range(3)], 0.4)


def planks(rng, base: Colour) -> Texture:
    """Boards of wood along y, each of its own tone."""
    tones, streaks = rng.uniform(0.7, 1.2, 256).astype(np.float32), wood(base, 1)

    def texture(p, n):
        row = np.floor(p[0] / 0.14).astype(int)
        board = np.floor(p[1] / 1.3 + 0.37 * row).astype(int)
        return streaks(p, n) * tones[(row * 37 + board * 101) & 255]

    return texture


def books(rng, half_width: float) -> Texture:
    """A row of upright spines of many colours, with dark gaps and a band of lettering."""
    edges = (np.cumsum(rng.uniform(0.03, 0.065, 40)) - half_width).astype(np.float32)
    inks = np.concatenate([tint(rng, (0.2, 0.75), (0.3, 0.85)) for _ in range(16)], axis=1)

    def texture(p, n):
        book = np.searchsorted(edges, p[0])
        gap = np.abs(p[0] - edges[np.minimum(book, 39)]) < 0.006
        shade = np.where(gap, 0.35, np.where(np.abs(p[2]) < 0.015, 1.6, 1.0))
        return inks[:, book * 7 % 16] * shade

    return texture


def hills(rng, above: Texture, below: Texture, height: float) -> Texture:
    """A wavy horizon at a height."""
    place = rng.uniform(0, 50)
    return where(lambda p: p[2] < height + 0.15 * noise(p[0] * 3 + place, p[0]), below, above)


def noise(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Smooth random values in [-1, 1] that vary over a length of 1."""
    u0, v0 = np.floor(u), np.floor(v)
    a, b = u - u0, v - v0
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    i, j = u0.astype(np.int32) & 63, v0.astype(np.int32) & 63
    i1, j1 = (i + 1) & 63, (j + 1) & 63
    low = _TABLE[i, j] * (1 - a) + _TABLE[i1, j] * a
    high = _TABLE[i, j1] * (1 - a) + _TABLE[i1, j1] * a
    return low * (1 - b) + high * b
