"""Images with padding that gives them another aspect ratio (letterboxing)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from utils.geometry import Crop, Warp


class Canvas(NamedTuple):
    """An image and the padding around it, in pixels of the image.

    Attributes:
        image: (height, width) of the image.
        size: (height, width) of the image with its padding.
        place: (row, column) of the canvas where the image begins.
    """

    image: tuple[int, int]
    size: tuple[int, int]
    place: tuple[int, int] = (0, 0)

    @classmethod
    def unpadded(cls, image: tuple[int, int]) -> Canvas:
        """An image of this (height, width) alone."""
        return cls(image, image)

    @classmethod
    def of(
        cls,
        image: tuple[int, int],
        size: tuple[int, int],
        aspect: str,
        position: Sequence[float] = (0.0, 0.0),
    ) -> Canvas:
        """The canvas of an image that is to come to `size` (height, width).

        Args:
            aspect: 'stretch': the image alone; 'keep': with padding that gives it the aspect ratio
                of `size`; 'pad': with padding around it that gives it that size, without any
                scaling, but for images that are larger, which have the ratio alone.
            position: where 'keep' has the image; as in :meth:`padded`.
        """
        if aspect == "stretch":
            return cls.unpadded(image)
        if aspect == "keep":
            return cls.padded(image, size, position)
        whole = cls.padded(image, size).size
        whole = tuple(max(sides) for sides in zip(whole, size, strict=True))
        return cls(image, whole, tuple((a - b) // 2 for a, b in zip(whole, image, strict=True)))

    @classmethod
    def padded(
        cls, image: tuple[int, int], size: tuple[int, int], position: Sequence[float] = (0.0, 0.0)
    ) -> Canvas:
        """The smallest canvas of the aspect ratio of `size` (height, width) that holds an image.

        Args:
            position: the shares of the padding that lie above the image and left of it, in [0, 1].
        """
        scale = max(inner / outer for inner, outer in zip(image, size, strict=True))
        whole = tuple(
            max(inner, round(scale * outer)) for inner, outer in zip(image, size, strict=True)
        )
        gaps = (outer - inner for outer, inner in zip(whole, image, strict=True))
        place = tuple(round(share * gap) for share, gap in zip(position, gaps, strict=True))
        return cls(image, whole, place)

    def warp(self, crop: Crop, size: tuple[int, int], zoom: float = 1.0) -> Warp:
        """The map of the image to an output of `size`, where `crop` is the map of the canvas and
        shows some of the image. The edges of the image come to lie on whole pixels of the output:
        they move by half a pixel at most, but for an image thinner than a pixel, which gets one."""
        axes = zip(crop.source, crop.place, self.place, self.image, strict=True)
        source, place = zip(*(_visible(*axis) for axis in axes), strict=True)
        return Warp.of_crop(Crop(source, place, crop.mirrored), size, zoom)

    def resize(self, size: tuple[int, int]) -> Warp:
        """The map of the image that stretches the whole canvas to `size`."""
        return self.warp(Warp.resize(self.size, size).crop, size)


def _visible(window: slice, place: slice, start: int, length: int) -> tuple[slice, slice]:
    """Along one axis, the pixels of the image that a window of the canvas shows, and the pixels of
    the output where it shows them.

    Args:
        window: pixels of the canvas.
        place: the pixels of the output that the window is stretched to.
        start, length: where on the canvas the image lies.
    """
    first, last = max(window.start, start), min(window.stop, start + length)
    scale = (place.stop - place.start) / (window.stop - window.start)
    top, bottom = (place.start + round(scale * (edge - window.start)) for edge in (first, last))
    top = min(top, place.stop - 1)
    return slice(first - start, last - start), slice(top, max(bottom, top + 1))


def blank_outside(shown: Sequence[int], size: tuple[int, int]) -> Warp:
    """The map of a canvas of `size` (height, width) to itself that leaves what it shows of the
    image, `shown` (x1, y1, x2, y2), and makes padding of all else."""
    part = _rectangle(shown)
    return Warp.of_crop(Crop(part, part), size)


def without_padding(shown: Sequence[int], size: tuple[int, int] | None = None) -> Warp:
    """The map of a canvas to what it shows of the image, `shown` (x1, y1, x2, y2), stretched to
    `size` (height, width); by default of the size that it has on the canvas."""
    rows, columns = part = _rectangle(shown)
    height, width = size or (rows.stop - rows.start, columns.stop - columns.start)
    return Warp.of_crop(Crop(part, (slice(0, height), slice(0, width))), (height, width))


def _rectangle(shown: Sequence[int]) -> tuple[slice, slice]:
    x1, y1, x2, y2 = map(int, shown)
    return slice(y1, y2), slice(x1, x2)
