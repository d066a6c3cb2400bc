"""The colours of classes in pictures."""

from __future__ import annotations

import colorsys

import numpy as np


def palette(count: int) -> np.ndarray:
    """(count + 1, 3) uint8 RGB: a colour a class, neighbours far apart, and black behind them."""
    golden = 0.61803398875
    saturations, values = (0.65, 0.9, 0.45), (0.95, 0.75, 0.85)
    colours = [
        colorsys.hsv_to_rgb(i * golden % 1, saturations[i % 3], values[i // 3 % 3])
        for i in range(count)
    ]
    return (np.array([*colours, (0, 0, 0)]) * 255).astype(np.uint8)
