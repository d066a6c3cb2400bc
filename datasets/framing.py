"""Which part of a training image is shown, and how large: a rectangle, stretched to another one.

The scale of an image is counted from how it is shown in tests: at 1 it appears as large as there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from utils.canvas import Canvas
from utils.errors import ConfigError
from utils.geometry import Crop
from utils.option import option
from utils.part import Part, Registry


class Framing(Part):
    """Draws a crop of an image."""

    section = "data"

    @abstractmethod
    def crop(
        self, rng: np.random.Generator, canvas: Canvas, size: tuple[int, int]
    ) -> tuple[Crop, float]:
        """The map of a canvas, an image with its padding, to an output of `size` (height, width),
        and its zoom, how much closer the scene appears. It shows a pixel of the image at least."""


class Window(Framing):
    """The framing of the achievement paper.

    With probability 1/2 a window of a random scale times the image is cut out at a random place
    (above 1 it reaches beyond the image and is padded), and stretched to the output.

    Raises:
        ConfigError: `min_scale` is above `max_scale`.
    """

    min_scale: float = option(
        2 / 3, "the smallest window to crop, as a share of the image", above=0
    )
    max_scale: float = option(4 / 3, "the largest window; above 1, the image is padded", above=0)

    def __init__(self, **options: float):
        super().__init__(**options)
        _check_order(self.min_scale, self.max_scale)

    def crop(self, rng, canvas, size):
        scale = rng.uniform(self.min_scale, self.max_scale) if rng.random() < 0.5 else 1.0
        extent, output = np.array(canvas.size[::-1]), np.array(size[::-1])
        position = rng.random(2)
        # In whole pixels, of the image or of the output: rectangles are stretched far faster.
        if scale <= 1:
            return _window(canvas, np.maximum(1, np.rint(scale * extent)), position, size)
        shown = np.maximum(1, np.rint(output / scale))
        start = np.rint(position * (output - shown))
        crop = Crop(_slices((0, 0), extent), _slices(start, shown))
        return crop, float(np.sqrt(np.prod(shown / extent * extent / output)))


class ScaleCrop(Framing):
    """Both sides of the image are scaled by a random factor. Of a side that is then longer than the
    output a random part is shown, a shorter one is padded on both ends (Vandenhende et al., TPAMI
    2022, and Jeong and Yoon, ICLR 2025).

    To a pixel of the image, where it is cropped: rectangles of whole pixels are stretched far
    faster.

    Raises:
        ConfigError: `min_scale` is above `max_scale`.
    """

    min_scale: float = option(0.5, "the smallest scale", above=0)
    max_scale: float = option(2.0, "the largest scale", above=0)

    def __init__(self, **options: float):
        super().__init__(**options)
        _check_order(self.min_scale, self.max_scale)

    def crop(self, rng, canvas, size):
        scale, position = rng.uniform(self.min_scale, self.max_scale), rng.random(2)
        sides = zip(canvas.image, canvas.place, canvas.size, size, position, strict=True)
        source, place = zip(*(_scaled_side(scale, *side) for side in sides), strict=True)
        crop = Crop(source, place)
        base = np.divide(size, canvas.size)
        return crop, float(np.sqrt(np.prod(crop.scales / base)))


class Zoom(Framing):
    """One of a few scales; of the scaled image a random part is shown (Liu et al., CVPR 2019, whose
    code takes one of 1, 1.2 and 1.5)."""

    zooms: tuple[float, ...] = option(
        (1.0, 1.2, 1.5), "the scales that zoom draws from", at_least=1
    )

    def __init__(self, **options: tuple[float, ...]):
        super().__init__(**options)
        if not self.zooms:
            raise ConfigError("names no scale", "zooms")

    def crop(self, rng, canvas, size):
        scale, position = self.zooms[rng.integers(len(self.zooms))], rng.random(2)
        window = np.maximum(1, np.array(canvas.size[::-1]) // scale)
        return _window(canvas, window, position, size)


class Whole(Framing):
    """The whole image, as in tests."""

    def crop(self, rng, canvas, size):
        return Crop(_slices((0, 0), canvas.size[::-1]), _slices((0, 0), size[::-1])), 1.0


FRAMINGS = Registry(
    "augmentation", {"window": Window, "scale-crop": ScaleCrop, "zoom": Zoom, "none": Whole}
)
"""Every way to frame a training image, by its name in a cfg."""


def _window(
    canvas: Canvas, window: np.ndarray, position: np.ndarray, size: tuple[int, int]
) -> tuple[Crop, float]:
    """A window of a canvas that is stretched to the output, and its zoom.

    Args:
        window: (width, height), in whole pixels.
        position: (x, y) of the window, as shares of the places where it can be.
    """
    extent, output = np.array(canvas.size[::-1]), np.array(size[::-1])
    first, image = np.array(canvas.place[::-1]), np.array(canvas.image[::-1])
    start = np.rint(position * (extent - window))
    start = np.clip(start, first + 1 - window, first + image - 1)
    crop = Crop(_slices(start, window), _slices((0, 0), output))
    stretch = output / window
    return crop, float(np.sqrt(np.prod(stretch * extent / output)))


def _scaled_side(
    scale: float, image: int, start: int, canvas: int, output: int, position: float
) -> tuple[slice, slice]:
    """Which pixels of a side of the canvas are shown, and where on the output.

    Args:
        image, start: the length of the side, and where on the canvas it begins.
        canvas, output: the lengths of the canvas and of the output.
        position: of the part that is shown, as a share of the places where it can be.
    """
    pixel = scale * output / canvas
    scaled = max(1, round(pixel * image))
    if scaled <= output:
        first = (output - scaled) // 2
        return slice(start, start + image), slice(first, first + scaled)
    shown = min(image, max(1, round(output / pixel)))
    first = start + round(position * (image - shown))
    return slice(first, first + shown), slice(0, output)


def _slices(start: Sequence[float], length: Sequence[float]) -> tuple[slice, slice]:
    """Rows and columns of a rectangle that starts at (x, y) and has this width and height."""
    (x, y), (width, height) = map(int, start), map(int, length)
    return slice(y, y + height), slice(x, x + width)


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise ConfigError(f"min_scale is above max_scale, {high:g}", "min_scale")
