"""Procedural surfaces: a pattern says the colour of each point, in metres on the thing itself.

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


_HUES = (8, 22, 40, 58, 85, 120, 155, 178, 200, 222, 262, 335)

WHITE = colour(40, 0.03, 0.92)
BLACK = colour(220, 0.15, 0.09)
STEEL = colour(210, 0.06, 0.62)
BRASS = colour(42, 0.5, 0.72)


def plain(base: Colour, gloss: float = 0.0, glow: float = 0.0) -> Material:
    return Material(lambda p, n, w: np.repeat(base, p.shape[1], axis=1), gloss, glow)


def grain(rng, base: Colour, along: int = 0, gloss: float = 0.08) -> Material:
    """Wood: long streaks along an axis, and broad bands of darker years."""
    place = rng.uniform(0, 50, 2).tolist()
    first, second = (axis for axis in range(3) if axis != along)

    def pattern(p, n, w):
        end = np.abs(n[along]) > 0.7
        side = np.where(end, p[first], p[first] + np.float32(0.7) * p[second])
        length = np.where(end, p[second], p[along])
        bands = noise(length * 1.5 + place[0], side * 14 + place[1], w * 14)
        streaks = noise(length * 5 + place[1], side * 75 + place[0], w * 75)
        return base * (1 + 0.3 * bands + 0.22 * streaks)

    return Material(pattern, gloss)


def planks(rng, base: Colour, width: float = 0.15, length: float = 1.3) -> Material:
    """A floor of boards, each of a tone of its own."""
    tones = rng.uniform(0.72, 1.18, 256).astype(np.float32)
    shifts = rng.uniform(0, length, 256).astype(np.float32)

    def pattern(p, n, w):
        row = np.floor(p[0] / width).astype(np.int32)
        along = p[1] + shifts[row & 255]
        board = np.floor(along / length).astype(np.int32)
        tone = tones[(row * 37 + board * 101) & 255]
        streaks = noise(along * 2.5, p[0] * 40, w * 40) * 0.16
        gaps = stripes(p[0], width, 0.03, w) + stripes(along, length, 0.005, w)
        return base * (tone + streaks) * (1 - 0.65 * np.minimum(gaps, 1))

    return Material(pattern, 0.12)


def tiles(rng, first: Colour, second: Colour, size: float = 0.4) -> Material:
    """Square tiles with light joints; two colours like a chessboard."""
    tones = rng.uniform(0.9, 1.08, 256).astype(np.float32)

    def pattern(p, n, w):
        u, v = p[0], p[1]
        mix = 0.5 + 0.5 * checks(u, v, size, w)
        cell = np.floor(u / size).astype(np.int32) * 37 + np.floor(v / size).astype(np.int32) * 101
        joint = 1 - (1 - stripes(u, size, 0.03, w)) * (1 - stripes(v, size, 0.03, w))
        body = (first * mix + second * (1 - mix)) * tones[cell & 255]
        return body * (1 - joint) + np.float32(0.42) * joint

    return Material(pattern, 0.18)


def carpet(base: Colour) -> Material:
    def pattern(p, n, w):
        fine = noise(p[0] * 60, p[1] * 60, w * 60) + noise(p[0] * 9, p[1] * 9, w * 9)
        return base * (1 + 0.14 * fine)

    return Material(pattern)


def rug(base: Colour, second: Colour, half: np.ndarray, kind: str) -> Material:
    """A rug with a border: lozenges, stripes or rings within."""
    period, (wide, long, _) = 0.24, half.tolist()

    def pattern(p, n, w):
        x, y = p[0], p[1]
        if kind == "lozenges":
            inner = 0.5 + 0.5 * checks(x + y, x - y, period, w)
        elif kind == "stripes":
            inner = stripes(y, period, 0.5, w)
        else:
            inner = stripes(np.sqrt(x * x + y * y), period, 0.5, w)
        edge = np.minimum(wide - np.abs(x), long - np.abs(y))
        inner = np.where(edge < 0.16, np.where(edge < 0.08, 0, 1), inner).astype(np.float32)
        weave = 1 + 0.12 * noise(x * 55, y * 55, w * 55)
        return (base * inner + second * (1 - inner)) * weave

    return Material(pattern)


def wall_paint(base: Colour, kind: str, second: Colour) -> Material:
    """A wall: plain, striped, panelled up to a rail, or of bricks; with a skirting board. Its frame
    has y up, from the floor."""

    def pattern(p, n, w):
        u, height = p[0], p[1]
        body = base * (1 + 0.025 * noise(u * 3, height * 3, w * 3))
        if kind == "striped":
            mix = stripes(u, 0.36, 0.5, w)
            body = body * (1 - mix) + second * mix
        elif kind == "panelled":
            low = (height < 0.95).astype(np.float32)
            boards = 1 - 0.3 * stripes(u, 0.3, 0.05, w)
            body = body * (1 - low) + second * (low * boards)
            rail = (np.abs(height - 0.95) < 0.03).astype(np.float32)
            body = body * (1 - rail) + WHITE * rail
        elif kind == "bricks":
            row = np.floor(height / 0.1)
            joint = 1 - (1 - stripes(height, 0.1, 0.14, w)) * (
                1 - stripes(u + row * 0.125, 0.25, 0.06, w)
            )
            tone = 1 + 0.3 * noise(np.floor((u + row * 0.125) / 0.25) * 7.3, row * 3.7, w * 0)
            body = second * (tone * (1 - joint)) + np.float32(0.5) * joint
        skirting = (height < 0.1).astype(np.float32)
        return body * (1 - skirting) + WHITE * skirting * (
            0.95 - 0.35 * (height > 0.088).astype(np.float32)
        )

    return Material(pattern)


def weave(base: Colour) -> Material:
    """Upholstery: coarse threads over and under."""

    def pattern(p, n, w):
        u, v = on_face(p, n)
        threads = checks(u, v, 0.018, w)
        return base * (1 + 0.16 * threads + 0.16 * noise(u * 11, v * 11, w * 11))

    return Material(pattern)


def quilt(base: Colour, second: Colour) -> Material:
    """A bedspread of squares with stitched seams."""

    def pattern(p, n, w):
        u, v = on_face(p, n)
        mix = 0.5 + 0.5 * checks(u, v, 0.2, w)
        seam = np.minimum(stripes(u, 0.2, 0.08, w) + stripes(v, 0.2, 0.08, w), 1)
        return (base * mix + second * (1 - mix)) * (1 - 0.35 * seam)

    return Material(pattern)


def pillow(base: Colour, second: Colour) -> Material:
    def pattern(p, n, w):
        mix = stripes(p[0] + 0.02, 0.08, 0.4, w)
        return base * (1 - mix) + second * mix

    return Material(pattern)


def leaf(base: Colour) -> Material:
    """A leaf along its z axis: a light middle vein, side veins, a darker rim."""

    def pattern(p, n, w):
        vein = np.exp(-((p[0] / 0.006) ** 2)) * np.clip(0.02 / w, 0, 1)
        side = stripes(p[2] + np.abs(p[0]), 0.03, 0.3, w)
        return base * (0.95 - 0.3 * side + 0.9 * vein)

    return Material(pattern, 0.12)


def terracotta(base: Colour, second: Colour, kind: str, half_height: float) -> Material:
    """A flowerpot, with a rim and one band."""

    def pattern(p, n, w):
        height = (p[2] / half_height + 1) / 2
        band = (np.abs(height - 0.45) < 0.16).astype(np.float32)
        if kind == "zigzag":
            around = np.arctan2(p[1], p[0]) * np.float32(4 / np.pi)
            wave = np.abs(around - np.round(around)) * 0.5
            band = (np.abs(height - 0.32 - wave) < 0.08).astype(np.float32)
        elif kind == "plain":
            band = np.zeros_like(band)
        rim = np.where(height > 0.86, np.float32(1.2), np.float32(1.0))
        return (base * (1 - band) + second * band) * rim

    return Material(pattern, 0.06)


def screen(rng, half: np.ndarray, on: bool) -> Material:
    """A television: black frame; off it mirrors the room, on it shows bands of light."""
    wide, _, tall = half.tolist()
    top, bottom = colour(rng.uniform(170, 250), 0.6, 0.8), colour(pleasant_hue(rng), 0.5, 0.65)

    def pattern(p, n, w):
        front = (n[1] > 0.5) & (np.abs(p[0]) < wide - 0.03) & (np.abs(p[2]) < tall - 0.03)
        if not on:
            streak = np.clip(1 - np.abs(p[0] * 0.8 + p[2] * 0.8 - 0.12) / 0.16, 0, 1)
            lit = colour(215, 0.35, 0.15) + 0.1 * streak
        else:
            mix = np.clip(p[2] / (2 * tall) + 0.5, 0, 1)
            wave = 0.12 * np.sin(p[0] * 6 + mix * 3)
            mix = np.clip((mix + wave - 0.42) * 5, 0, 1)
            lit = top * mix + bottom * (1 - mix)
        return np.where(front, lit, BLACK)

    return Material(pattern, 0.0 if on else 0.55, 0.55 if on else 0.0)


def painting(rng, half: np.ndarray, frame: Colour) -> Material:
    """A picture in a mount and a frame: hills, discs or blocks."""
    kind = rng.choice(["hills", "discs", "blocks"])
    hue = rng.uniform(0, 360)
    inks = [colour(hue + d, rng.uniform(0.3, 0.7), rng.uniform(0.45, 0.95)) for d in (0, 40, 180)]
    shift = rng.uniform(-1, 1, 4).astype(np.float32)

    def pattern(p, n, w):
        x, y = p[0] / half[0], p[2] / half[2]
        if kind == "hills":
            first = y < 0.25 * np.sin(2.5 * x + 3 * shift[0]) + 0.2 * shift[1]
            second = y < 0.3 * np.sin(1.7 * x + 3 * shift[2]) - 0.45
        elif kind == "discs":
            first = (x - 0.4 * shift[0]) ** 2 + (y - 0.4 * shift[1]) ** 2 < 0.2
            second = (x - 0.5 * shift[2]) ** 2 + (y - 0.5 * shift[3]) ** 2 < 0.07
        else:
            first = x < 0.5 * shift[0]
            second = y < 0.5 * shift[1]
        ink = np.where(second, inks[2], np.where(first, inks[1], inks[0]))
        edge = np.minimum(half[0] - np.abs(p[0]), half[2] - np.abs(p[2]))
        return np.where(edge < 0.035, frame, np.where(edge < 0.1, WHITE, ink))

    return Material(pattern, 0.05)


def spines(rng, half_width: float) -> Material:
    """A row of books: upright spines of many colours, with a band of lettering."""
    widths = rng.uniform(0.025, 0.06, 64)
    edges = (np.cumsum(widths) - half_width - rng.uniform(0, 0.1)).astype(np.float32)
    hues = rng.uniform(0, 360, 65)
    inks = [colour(h, rng.uniform(0.2, 0.75), rng.uniform(0.3, 0.85)) for h in hues]
    inks = np.concatenate(inks, axis=1)

    def pattern(p, n, w):
        book = np.searchsorted(edges, p[0])
        gap = np.abs(p[0] - edges[np.minimum(book, 63)]) < 0.004
        band = np.abs(p[2] - 0.04) < 0.012
        shade = np.where(gap, np.float32(0.35), np.where(band, np.float32(1.6), np.float32(1)))
        return inks[:, book] * shade

    return Material(pattern, 0.04)


def shade(base: Colour, glow: float) -> Material:
    """A lampshade, with the pleats of its cloth."""

    def pattern(p, n, w):
        around = np.arctan2(p[1], p[0])
        return base * (1 - 0.12 * stripes(around, np.pi / 10, 0.3, w * 5))

    return Material(pattern, 0.0, glow)


def glass(base: Colour, half_height: float, fill: float) -> Material:
    """A bottle's body: what is in it is darker than the glass above."""

    def pattern(p, n, w):
        height = (p[2] / half_height + 1) / 2
        edge = 0.55 + 0.45 * np.exp(-((p[0] / 0.03) ** 2))
        return base * (np.where(height < fill, np.float32(0.55), np.float32(1.3)) * edge)

    return Material(pattern, 0.9)


def outdoors(rng, half: np.ndarray) -> Material:
    """What is seen through a window: sky, hills and trees, behind white bars."""
    (wide, _, tall), place = half.tolist(), rng.uniform(0, 50)
    sky, land = colour(rng.uniform(198, 214), 0.38, 0.98), colour(rng.uniform(70, 130), 0.45, 0.62)

    def pattern(p, n, w):
        height = p[2] / tall
        hills = -0.35 + 0.25 * noise(p[0] * 2 + place, p[0] * 0 + place, w * 0)
        view = np.where(height > hills, sky * (0.95 - 0.12 * height), land)
        bar = (np.abs(p[0]) < 0.025) | (np.abs(p[2] - 0.1 * tall) < 0.025)
        rim = np.minimum(wide - np.abs(p[0]), tall - np.abs(p[2])) < 0.06
        return np.where(bar | rim, WHITE * 0.62, view)

    return Material(pattern, 0.0, 0.8)


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
