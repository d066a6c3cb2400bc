"""Masks of objects from their outlines: polygons, and COCO's run lengths."""

from __future__ import annotations

import numpy as np

LEAST_POINTS = 3
"""Of a polygon: fewer of them enclose nothing."""

_MOST_ROWS = 2**22
"""Rows that the edges of an object's polygons pass in all: each of them takes memory to fill."""

_MOST_BITS = 35  # of a run length: seven groups, which hold those of all images


def is_zigzag(polygons: list[np.ndarray], height: int) -> bool:
    """Whether polygons, x, y, x, y, … each, go up and down an image of this height too often to be
    the outline of an object. Where the points are few, as nearly always, it takes no look at
    them."""
    if sum(map(len, polygons)) // 2 * height <= _MOST_ROWS:
        return False
    steps = (np.diff(points[1::2], append=points[1:2]) for points in polygons)
    return sum(np.abs(step).clip(max=height).sum(dtype=float) for step in steps) > _MOST_ROWS


def fill_polygon(mask: np.ndarray, points: np.ndarray) -> None:
    """Sets the pixels of a (H, W) bool mask whose centres lie within a polygon.

    A pixel is inside where a line from the left edge of the image to its centre crosses the outline
    an odd number of times. The polygon may leave the image, and cross itself.

    Args:
        points: (N, 2) x, y on pixel edges (an image of width W spans 0 to W), finite.
    """
    height, width = mask.shape
    x, y = points.astype(np.float64).T
    to_x, to_y = np.roll(x, -1), np.roll(y, -1)
    # The rows whose centres an edge passes are `start` to `stop - 1`.
    start = np.ceil(np.clip(np.minimum(y, to_y) - 0.5, 0, height)).astype(int)
    stop = np.ceil(np.clip(np.maximum(y, to_y) - 0.5, 0, height)).astype(int)
    edge = np.repeat(np.arange(len(x)), stop - start)
    if not edge.size:
        return
    before = np.cumsum(stop - start) - (stop - start)
    row = np.arange(len(edge)) - before[edge] + start[edge]
    along = (row + 0.5 - y[edge]) / (to_y - y)[edge]
    crossing = x[edge] + along * (to_x - x)[edge]
    column = np.ceil(np.clip(crossing - 0.5, 0, width)).astype(int)

    top, left, right = row.min(), column.min(), column.max()
    shape = (row.max() - top + 1, right - left + 1)
    flips = np.bincount((row - top) * shape[1] + column - left, minlength=shape[0] * shape[1])
    inside = np.cumsum(flips.reshape(shape), axis=1)[:, :-1] % 2 == 1
    mask[top : top + shape[0], left:right] |= inside


def fill_runs(mask: np.ndarray, runs: np.ndarray) -> None:
    """Sets the pixels of a (H, W) bool mask that COCO's run lengths say: down the columns, how many
    pixels are out, in, out, …; they add up to H × W."""
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask |= inside.reshape(mask.shape[::-1]).T


def decode_runs(text: str) -> list[int]:
    """Run lengths from COCO's compressed form.

    A number is written in groups of five bits, the lowest first, as the characters from '0' on; the
    sixth bit of a character says that another follows, and the highest bit of the last group is the
    sign. From the fourth number on, it is the difference from the number two before.

    Raises:
        ValueError: the text is not of this form.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - ord("0")
        if not 0 <= code < 64:
            raise ValueError(f"has the character {character!r}")
        value |= (code & 31) << shift
        shift += 5
        if shift > _MOST_BITS:
            raise ValueError("has a number that no image has pixels for")
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("ends within a number")
    return runs
