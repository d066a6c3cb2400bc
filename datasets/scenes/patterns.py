"""Patterns: functions that say the colour of each point of a surface.

A pattern is called with points `p` (3, N) in the frame of their solid, in metres, the unit normals
`n` (3, N) there, and the width `w` (N) that a pixel covers, also in metres; it gives (3, N) linear
RGB. Patterns finer than a pixel fade to their mean, as they do in a camera.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Colour = np.ndarray  # (3, 1) float32, linear RGB


class Material(NamedTuple):
    """A pattern, how strongly it mirrors the room (0 to 1), and how much of its colour it emits."""

    pattern: Pattern
    gloss: float = 0.0
    glow: float = 0.0


def colour(hue: float, saturation: float, value: float) -> Colour:
    """A colour by its hue in degrees, and saturation and value in [0, 1] as a screen shows it."""
    rgb = colorsys.hsv_to_rgb(hue / 360 % 1, min(saturation, 1), min(value, 1))
    return (np.array(rgb, np.float32) ** np.float32(2.2))[:, None]


def pleasant_hue(rng) -> float:
    """A hue that people have at home, in degrees."""
    return float(rng.choice(_HUES)) + rng.uniform(-10, 10)


_HUES = (5, 48, 85, 120, 155, 178, 200, 222, 262, 335)

WHITE = colour(40, 0.03, 0.92)
BLACK = colour(220, 0.15, 0.09)
STEEL = colour(210, 0.06, 0.62)
BRASS = colour(42, 0.5, 0.72)


def plain(base: Colour, gloss: float = 0.0, glow: float = 0.0) -> Material:
    return Material(lambda p, n, w: np.repeat(base, p.shape[1], axis=1), gloss, glow)


def on_face(p: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two coordinates along the face of a box: sideways and up, or x and y on its top."""
    x, y, z = np.abs(n)
    u = np.where((x > y) & (x > z), p[1], p[0])
    v = np.where((z > x) & (z > y), p[1], p[2])
    return u, v


def stripes(x: np.ndarray, period: float, share: float, w: np.ndarray) -> np.ndarray:
    """A wave that is 1 on the first `share` of each period and else 0, averaged over `w`."""
    half = np.maximum(w, 1e-4) / (2 * period)
    x = x / period
    return (_area(x + half, share) - _area(x - half, share)) / (2 * half)


def checks(u: np.ndarray, v: np.ndarray, size: float, w: np.ndarray) -> np.ndarray:
    """A chessboard of -1 and 1, averaged over `w`."""
    return (2 * stripes(u, 2 * size, 0.5, w) - 1) * (2 * stripes(v, 2 * size, 0.5, w) - 1)


def _area(x: np.ndarray, share: float) -> np.ndarray:
    """The area under the wave of `stripes`, of period 1, from 0 to x."""
    whole = np.floor(x)
    return whole * share + np.minimum(x - whole, share)


_TABLE = np.random.default_rng(7).uniform(-1, 1, (64, 64)).astype(np.float32)


def noise(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Smooth random values in [-1, 1] that vary over a length of 1; they fade as `w` exceeds it."""
    u, v = np.asarray(u, np.float32), np.asarray(v, np.float32)
    u0, v0 = np.floor(u), np.floor(v)
    a, b = u - u0, v - v0
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    i, j = u0.astype(np.int32) & 63, v0.astype(np.int32) & 63
    i1, j1 = (i + 1) & 63, (j + 1) & 63
    low = _TABLE[i, j] * (1 - a) + _TABLE[i1, j] * a
    high = _TABLE[i, j1] * (1 - a) + _TABLE[i1, j1] * a
    return (low * (1 - b) + high * b) * np.clip(1.5 - w, 0, 1)
