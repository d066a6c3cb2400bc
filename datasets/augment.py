"""Augmentation: one affine matrix for the geometry, one colour matrix for the light.

Both are pure functions of (seed, pass, index): the same whatever the number of workers, and after
a run was interrupted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from datasets.framing import FRAMINGS
from datasets.light import LIGHTS
from utils.canvas import Canvas
from utils.geometry import Warp
from utils.option import option
from utils.part import Part

_DEFAULTS = {"augmentation": "window", "photometric": "full"}


class Augmentation(Part):
    """What is done to training images. The default is the augmentation of the achievement paper.

    A part of an image is framed, mirrored, and turned, which together is one affine matrix; the
    colours change by another one.

    Raises:
        ConfigError: an option of its parts cannot be.
    """

    section = "data"
    version = 2  # the order of the channels 1/2, the hue ±25°, the sharpness +1

    augmentation: str = option(
        _DEFAULTS["augmentation"],
        "which part of a training image is shown, and how large: window, zoomed in or out half of "
        "the time; scale-crop, scaled, then cropped or padded; zoom, one of a few scales; or none, "
        "the whole image",
        parts=FRAMINGS,
    )
    flip: float = option(
        0.5, "the probability that a training image is mirrored", at_least=0, at_most=1
    )
    rotation: float = option(
        0.0, "degrees that a training image is turned by, at most", at_least=0, at_most=180
    )
    photometric: str = option(
        _DEFAULTS["photometric"],
        "how the colours of training images change: full, by brightness, contrast, saturation, "
        "hue, the order of the channels and sharpness; jitter, by the first four; or none",
        parts=LIGHTS,
    )

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._framing, self._light = self.augmentation.build(), self.photometric.build()

    def warp(self, rng: np.random.Generator, canvas: Canvas, size: tuple[int, int]) -> Warp:
        """The map of an image to an output of `size` (height, width)."""
        crop, zoom = self._framing.crop(rng, canvas, size)
        mirrored = bool(rng.random() < self.flip)
        warp = canvas.warp(replace(crop, mirrored=mirrored), size, zoom)
        if not self.rotation:
            return warp
        return warp.turned(rng.uniform(-self.rotation, self.rotation))

    def colours(self, rng: np.random.Generator) -> dict[str, Any]:
        """How the light of an image changes: `colour`, a (3, 4) float32 matrix that is applied to
        RGB in [0, 1] as `matrix[:, :3] @ rgb + matrix[:, 3]`, and `sharpness`, how much of its fine
        detail is added; without those that never change."""
        return self._light.changes(rng)

    def identity(self) -> dict[str, Any]:
        """Of the default parts only what is not at its default, as if there were no others."""
        result = super().identity()
        for name, default in _DEFAULTS.items():
            if result[name]["name"] == default:
                values = result.pop(name)
                result |= {key: value for key, value in values.items() if key != "name"}
        return result


def generator(seed: int, pass_index: int, index: int) -> np.random.Generator:
    """The random numbers of one sample in one pass through its dataset."""
    return np.random.default_rng((seed, pass_index, index))
