"""Augmentation: one affine matrix for the geometry, one colour matrix for the light.

Both are pure functions of (seed, pass, index): the same whatever the number of workers, and after
a run was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.canvas import Canvas
from utils.errors import ConfigError
from utils.geometry import Crop, Warp
from utils.option import option
from utils.part import Part

_BRIGHTNESS = 32 / 255
_GAIN = (0.5, 1.5)  # of contrast and of saturation
_HUE = (-18 / 255 * 360, 18 / 255 * 360)  # degrees
_SHARPNESS = 1.0
_GREY = np.array([0.299, 0.587, 0.114])
_ALONG = np.full((3, 3), 1 / 3)  # projects onto the grey axis
_CROSS = np.cross(np.eye(3), np.ones(3) / np.sqrt(3))


class Augmentation(Part):
    """The augmentation of the achievement paper.

    With probability 1/2 a window of `scale` times the image is cut out at a random place (above 1
    it reaches beyond the image and is padded), and stretched to the output; with probability 1/2
    the result is mirrored. `scale` is drawn from `min_scale` to `max_scale`.

    Raises:
        ConfigError: `min_scale` is above `max_scale`.
    """

    section = "data"
    version = 2  # the order of the channels 1/2, the hue ±25°, the sharpness +1

    min_scale: float = option(
        2 / 3, "the smallest window to crop, as a share of the image", above=0
    )
    max_scale: float = option(4 / 3, "the largest window; above 1, the image is padded", above=0)

    def __init__(self, **options: float):
        super().__init__(**options)
        if self.min_scale > self.max_scale:
            raise ConfigError(f"min_scale is above max_scale, {self.max_scale:g}", "min_scale")

    def warp(self, rng: np.random.Generator, canvas: Canvas, size: tuple[int, int]) -> Warp:
        """The map of an image to an output of `size` (height, width). The window is one of the
        canvas, the image with its padding; it shows a pixel of the image at least."""
        scale = rng.uniform(self.min_scale, self.max_scale) if rng.random() < 0.5 else 1.0
        extent, output = np.array(canvas.size[::-1]), np.array(size[::-1])
        position = rng.random(2)
        # In whole pixels, of the image or of the output: rectangles are stretched far faster.
        if scale <= 1:
            window = np.maximum(1, np.rint(scale * extent))
            first, image = np.array(canvas.place[::-1]), np.array(canvas.image[::-1])
            start = np.rint(position * (extent - window))
            start = np.clip(start, first + 1 - window, first + image - 1)
            cut, place = _slices(start, window), _slices((0, 0), output)
            stretch = output / window
        else:
            shown = np.maximum(1, np.rint(output / scale))
            start = np.rint(position * (output - shown))
            cut, place = _slices((0, 0), extent), _slices(start, shown)
            stretch = shown / extent
        zoom = float(np.sqrt(np.prod(stretch * extent / output)))
        return canvas.warp(Crop(cut, place, bool(rng.random() < 0.5)), size, zoom)


def _slices(start: Sequence[float], length: Sequence[float]) -> tuple[slice, slice]:
    """Rows and columns of a rectangle that starts at (x, y) and has this width and height."""
    (x, y), (width, height) = map(int, start), map(int, length)
    return slice(y, y + height), slice(x, x + width)


def generator(seed: int, pass_index: int, index: int) -> np.random.Generator:
    """The random numbers of one sample in one pass through its dataset."""
    return np.random.default_rng((seed, pass_index, index))


def colour_matrix(rng: np.random.Generator) -> np.ndarray:
    """(3, 4) float32: the photometric distortion of an image, applied to RGB in [0, 1] as
    `matrix[:, :3] @ rgb + matrix[:, 3]`.

    Brightness, contrast, saturation, hue and the order of the channels are linear maps of the
    colours, each applied with probability 1/2, so one matrix holds them all. Saturation and hue are
    those about the grey axis; a mapping through HSV is no linear one.
    """
    linear, offset = np.eye(3), np.zeros(3)
    if rng.random() < 0.5:
        offset = np.full(3, rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))
    for change, limits in ((_contrast, _GAIN), (_saturation, _GAIN), (_hue, _HUE)):
        amount, chosen = rng.uniform(*limits), rng.random() < 0.5
        if chosen:
            matrix = change(amount)
            linear, offset = matrix @ linear, matrix @ offset
    if rng.random() < 0.5:
        order = rng.permutation(3)
        linear, offset = linear[order], offset[order]
    return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)


def sharpness(rng: np.random.Generator) -> float:
    """How much of an image's fine detail is added: 1 with probability 1/2, else 0."""
    return _SHARPNESS if rng.random() < 0.5 else 0.0


def _contrast(gain: float) -> np.ndarray:
    return np.eye(3) * gain


def _saturation(gain: float) -> np.ndarray:
    return gain * np.eye(3) + (1 - gain) * np.outer(np.ones(3), _GREY)


def _hue(degrees: float) -> np.ndarray:
    """A rotation of the colours about the grey axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    return np.cos(angle) * np.eye(3) + np.sin(angle) * _CROSS + (1 - np.cos(angle)) * _ALONG
