"""Augmentation: one affine matrix for the geometry, one colour matrix for the light.

Both are pure functions of (seed, round, index): the same whatever the number of workers, and after
a run was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.geometry import Warp

_BRIGHTNESS = 32 / 255
_GAIN = (0.5, 1.5)  # of contrast and of saturation
_HUE = (-18.0, 18.0)  # degrees
_SHARPNESS = 0.5
_GREY = np.array([0.299, 0.587, 0.114])
_ALONG = np.full((3, 3), 1 / 3)  # projects onto the grey axis
_CROSS = np.cross(np.eye(3), np.ones(3) / np.sqrt(3))


@dataclass(frozen=True)
class Augmentation:
    """The settings of the achievement paper.

    With probability 1/2 a window of `scale` times the image is cut out at a random place (above 1
    it reaches beyond the image and is padded), and stretched to `size`; with probability 1/2 the
    result is mirrored.
    """

    size: tuple[int, int]
    scale: tuple[float, float] = (2 / 3, 4 / 3)

    def warp(self, rng: np.random.Generator, source: tuple[int, int]) -> Warp:
        """The affine map of an image of `source` (height, width)."""
        scale = rng.uniform(*self.scale) if rng.random() < 0.5 else 1.0
        extent, output = np.array(source[::-1], float), np.array(self.size[::-1], float)
        place = rng.random(2)
        # In whole pixels, of the image or of the output: rectangles are stretched far faster.
        if scale <= 1:
            window = np.maximum(1, np.rint(scale * extent))
            stretch = output / window
            shift = -np.rint(place * (extent - window)) * stretch
        else:
            shown = np.maximum(1, np.rint(output / scale))
            stretch = shown / extent
            shift = np.rint(place * (output - shown))
        matrix = np.array([[stretch[0], 0, shift[0]], [0, stretch[1], shift[1]]])
        if rng.random() < 0.5:
            matrix[0] = -matrix[0]
            matrix[0, 2] += self.size[1]
        zoom = float(np.sqrt(np.prod(stretch * extent / output)))
        return Warp(matrix, self.size, zoom)


def generator(seed: int, round: int, index: int) -> np.random.Generator:
    """The random numbers of one sample in one round through its dataset."""
    return np.random.default_rng((seed, round, index))


def colour_matrix(rng: np.random.Generator) -> np.ndarray:
    """(3, 4) float32: the photometric distortion of an image, applied to RGB in [0, 1] as
    `matrix[:, :3] @ rgb + matrix[:, 3]`.

    Brightness, contrast, saturation, hue and the order of the channels are linear maps of the
    colours, each applied with probability 1/2 (the order 1/5), so one matrix holds them all.
    """
    linear, offset = np.eye(3), np.zeros(3)
    if rng.random() < 0.5:
        offset = np.full(3, rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))
    for change, limits in ((_contrast, _GAIN), (_saturation, _GAIN), (_hue, _HUE)):
        amount, chosen = rng.uniform(*limits), rng.random() < 0.5
        if chosen:
            matrix = change(amount)
            linear, offset = matrix @ linear, matrix @ offset
    if rng.random() < 0.2:
        order = rng.permutation(3)
        linear, offset = linear[order], offset[order]
    return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)


def sharpness(rng: np.random.Generator) -> float:
    """How much of an image's fine detail is added (above 0) or taken away (below), or 0."""
    return rng.uniform(-_SHARPNESS, _SHARPNESS) if rng.random() < 0.5 else 0.0


def _contrast(gain: float) -> np.ndarray:
    return np.eye(3) * gain


def _saturation(gain: float) -> np.ndarray:
    return gain * np.eye(3) + (1 - gain) * np.outer(np.ones(3), _GREY)


def _hue(degrees: float) -> np.ndarray:
    """A rotation of the colours about the grey axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    return np.cos(angle) * np.eye(3) + np.sin(angle) * _CROSS + (1 - np.cos(angle)) * _ALONG
