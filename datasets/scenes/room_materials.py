"""How rooms and what belongs to them look."""

from __future__ import annotations

import numpy as np

from datasets.scenes.patterns import WHITE, Colour, Material, checks, colour, noise, stripes


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
