"""How the things that stand in rooms look."""

from __future__ import annotations

import numpy as np

from datasets.scenes.patterns import (
    BLACK,
    Colour,
    Material,
    checks,
    colour,
    noise,
    on_face,
    pleasant_hue,
    stripes,
)


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
