"""What the colours of a picture mean, for whoever draws a legend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Colour = tuple[int, int, int]
"""Red, green, blue: 0 to 255."""


class Swatches(NamedTuple):
    """Names beside their colours, the most important first."""

    entries: tuple[tuple[str, Colour], ...]


class Scale(NamedTuple):
    """A bar of colours with numbers below it.

    Attributes:
        colours: (N, 3) uint8 RGB, from the left to the right.
        ticks: places on the bar, as shares of its width in [0, 1], and what stands there.
    """

    colours: np.ndarray
    ticks: tuple[tuple[float, str], ...]


def class_swatches(
    counts: np.ndarray, names: tuple[str, ...], colours: np.ndarray
) -> Swatches | None:
    """The classes that occur, the most frequent first; None where none does.

    Args:
        counts: (C) how often each class occurs.
        colours: (C, 3) uint8 RGB or more rows.
    """
    order = np.argsort(-counts, kind="stable")
    occurring = [int(number) for number in order if counts[number]]
    if not occurring:
        return None
    return Swatches(tuple((names[n], tuple(colours[n].tolist())) for n in occurring))
