"""The picture of the affinities of tasks: how much a step of one lowers the loss of another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_CELL = (76, 44)  # the least width, and the height, of a number's cell in pixels
_GAP = 10
_FONT = 15
_HELPS, _HURTS = np.array((70, 130, 200)), np.array((215, 90, 70))
_INK, _FRAME = (25, 25, 25), (0, 0, 0)


def groups_in_words(groups: Sequence[Sequence[str]]) -> str:
    """'segmentation + depth | normal'."""
    return " | ".join(" + ".join(group) for group in groups)


def draw_affinity(
    affinity: np.ndarray, tasks: Sequence[str], groups: Sequence[Sequence[str]]
) -> np.ndarray:
    """Draws the matrix with its numbers, blue where a source helps a target and red where it hurts.
    The tasks are ordered by group, and each group has a frame.

    Args:
        affinity: (T, T), of source (row) on target (column).
        tasks: the names of the rows and columns.
        groups: the tasks that are updated together.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    names = [name for group in groups for name in group]
    order = [tasks.index(name) for name in names]
    matrix = affinity[np.ix_(order, order)]
    largest = float(np.abs(matrix).max())
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    lines = [
        f"affinity of source (row) on target (column), in units of 1e{exponent:+d}",
        f"groups: {groups_in_words(groups)}",
    ]

    font = ImageFont.load_default(_FONT)
    longest = math.ceil(max(font.getlength(name) for name in names))
    width, height = max(_CELL[0], longest + _GAP), _CELL[1]
    left, top = longest + 2 * _GAP, 2 * _GAP * (len(lines) + 2)
    across = left + width * len(names) + _GAP
    across = max(across, *(math.ceil(font.getlength(line)) + 2 * _GAP for line in lines))
    picture = Image.new("RGB", (across, top + height * len(names) + _GAP), "white")
    draw = ImageDraw.Draw(picture)
    for k, line in enumerate(lines):
        draw.text((_GAP, _GAP + 2 * _GAP * k), line, _INK, font)
    for k, name in enumerate(names):
        draw.text((left + (k + 0.5) * width, top - _GAP), name, _INK, font, anchor="mm")
        draw.text((left - _GAP, top + (k + 0.5) * height), name, _INK, font, anchor="rm")
        for j, value in enumerate(matrix[k]):
            x, y = left + j * width, top + k * height
            draw.rectangle((x, y, x + width - 1, y + height - 1), _colour(value, largest))
            number = f"{value / 10**exponent:.2f}".replace("-0.00", "0.00")
            draw.text((x + width / 2, y + height / 2), number, _INK, font, anchor="mm")
    first = 0
    for group in groups:
        end = first + len(group)
        corner = (left + end * width - 1, top + end * height - 1)
        draw.rectangle((left + first * width, top + first * height, *corner), None, _FRAME, 3)
        first = end
    return np.asarray(picture)


def _colour(value: float, largest: float) -> tuple[int, ...]:
    share = abs(value) / largest if largest > 0 else 0.0
    strong = _HELPS if value > 0 else _HURTS
    return tuple(int(c) for c in 255 + share * (strong - 255))
