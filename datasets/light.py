"""The light of a training image: how its colours change, as numbers.

`datasets.photometric` changes them, a batch at a time, on the device that trains.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from utils.part import Part, Registry

_BRIGHTNESS = 32 / 255
_GAIN = (0.5, 1.5)  # of contrast and of saturation
_HUE = 18 / 255 * 360  # degrees
_JITTER_HUE = 18 / 180 * 360  # of which OpenCV's hue, that is meant there, has half as many
_SHARPNESS = 1.0
_GREY = np.array([0.299, 0.587, 0.114])
_ALONG = np.full((3, 3), 1 / 3)  # projects onto the grey axis
_CROSS = np.cross(np.eye(3), np.ones(3) / np.sqrt(3))


class Light(Part):
    """Draws how the colours of an image change."""

    section = "data"

    @abstractmethod
    def changes(self, rng: np.random.Generator) -> dict[str, Any]:
        """`colour` and `sharpness` of an image; see `Augmentation.colours`."""


class Full(Light):
    """The distortion of the achievement paper."""

    def changes(self, rng):
        return {"colour": colour_matrix(rng), "sharpness": sharpness(rng)}


class Jitter(Light):
    """Brightness, contrast, saturation and hue, each with probability 1/2 (Jeong and Yoon, ICLR
    2025). Whether contrast comes first or last is the same to a linear map."""

    def changes(self, rng):
        return {"colour": colour_matrix(rng, _JITTER_HUE, reorders=False)}


class Unchanged(Light):
    """The colours as they are."""

    def changes(self, rng):
        return {}


LIGHTS = Registry("photometric distortion", {"full": Full, "jitter": Jitter, "none": Unchanged})
"""Every way to change the colours, by its name in a cfg."""


def colour_matrix(rng: np.random.Generator, hue: float = _HUE, reorders: bool = True) -> np.ndarray:
    """(3, 4) float32: the photometric distortion of an image, applied to RGB in [0, 1] as
    `matrix[:, :3] @ rgb + matrix[:, 3]`.

    Brightness, contrast, saturation, hue and the order of the channels are linear maps of the
    colours, each applied with probability 1/2, so one matrix holds them all. Saturation and hue are
    those about the grey axis; a mapping through HSV is no linear one.

    Args:
        hue: the largest change of it, in degrees.
        reorders: whether the order of the channels may change.
    """
    linear, offset = np.eye(3), np.zeros(3)
    if rng.random() < 0.5:
        offset = np.full(3, rng.uniform(-_BRIGHTNESS, _BRIGHTNESS))
    changes = ((_contrast, _GAIN), (_saturation, _GAIN), (_turned_hue, (-hue, hue)))
    for change, limits in changes:
        amount, chosen = rng.uniform(*limits), rng.random() < 0.5
        if chosen:
            matrix = change(amount)
            linear, offset = matrix @ linear, matrix @ offset
    if reorders and rng.random() < 0.5:
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


def _turned_hue(degrees: float) -> np.ndarray:
    """A rotation of the colours about the grey axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    return np.cos(angle) * np.eye(3) + np.sin(angle) * _CROSS + (1 - np.cos(angle)) * _ALONG
