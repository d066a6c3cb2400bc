"""The one way in which images and labels are moved: an affine matrix on pixel edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from utils.memory import lend

# Below this scale, linear interpolation skips pixels: the image is averaged first.
_SHRINK_BELOW = 0.75


@dataclass(frozen=True)
class Crop:
    """A rectangle of whole pixels of an image, stretched to a rectangle of whole pixels of the
    output; all of the output may then be mirrored.

    Attributes:
        source: rows and columns of the image.
        place: rows and columns of the output.
    """

    source: tuple[slice, slice]
    place: tuple[slice, slice]
    mirrored: bool = False

    @property
    def scales(self) -> tuple[float, float]:
        """Pixels of the output a pixel of the image, down and across."""
        return tuple(
            (to.stop - to.start) / (of.stop - of.start)
            for of, to in zip(self.source, self.place, strict=True)
        )

    def matrix(self, width: int) -> np.ndarray:
        """(2, 3) float64: the affine map on pixel edges, for an output of this width."""
        down, across = self.scales
        rows, columns = self.place
        shift = columns.start - across * self.source[1].start
        drop = rows.start - down * self.source[0].start
        if self.mirrored:
            across, shift = -across, width - shift
        return np.array([[across, 0, shift], [0, down, drop]])

    def shrunk(self, factor: int) -> Crop | None:
        """The same rectangle of an output that is smaller by `factor`; None where its edges do not
        lie on whole pixels there."""
        edges = [edge for place in self.place for edge in (place.start, place.stop)]
        if any(edge % factor for edge in edges):
            return None
        rows, columns = (slice(to.start // factor, to.stop // factor) for to in self.place)
        return Crop(self.source, (rows, columns), self.mirrored)

    def shown(self, width: int) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2: the pixels, on edges, of an output of this width that show the image."""
        rows, columns = self.place
        left, right = columns.start, columns.stop
        if self.mirrored:
            left, right = width - right, width - left
        return left, rows.start, right, rows.stop


@dataclass(frozen=True)
class Warp:
    """An affine map from an image to the output.

    Attributes:
        matrix: (2, 3) float64. It maps positions (x, y) on pixel *edges*: an image of width W spans
            0 to W, and the centre of its first pixel is at 0.5.
        size: (height, width) of the output.
        zoom: how much closer the scene appears through a crop or pad. Stretching an image to the
            output's size is no zoom: the scene is as far away as before.
        crop: the same map, where it only stretches a rectangle: that is several times faster.
    """

    matrix: np.ndarray
    size: tuple[int, int]
    zoom: float = 1.0
    crop: Crop | None = None

    @classmethod
    def of_crop(cls, crop: Crop, size: tuple[int, int], zoom: float = 1.0) -> Warp:
        """The map that a crop is, for an output of `size` (height, width)."""
        return cls(crop.matrix(size[1]), size, zoom, crop)

    @classmethod
    def resize(cls, source: tuple[int, int], size: tuple[int, int]) -> Warp:
        """Stretches an image of size `source` (height, width) to `size`."""
        whole = Crop(
            (slice(0, source[0]), slice(0, source[1])), (slice(0, size[0]), slice(0, size[1]))
        )
        return cls.of_crop(whole, size)

    def shrunk(self, factor: int) -> Warp:
        """The same map to an output that is smaller by `factor`, which divides its size. The scene
        is as near as before."""
        if factor == 1:
            return self
        size = (self.size[0] // factor, self.size[1] // factor)
        return Warp(self.matrix / factor, size, self.zoom, self.crop and self.crop.shrunk(factor))

    def turned(self, degrees: float) -> Warp:
        """The same map, whose output is then turned about its centre, from x (to the right) to y
        (down)."""
        cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        centre = np.array(self.size[::-1]) / 2
        matrix = turn @ self.matrix
        matrix[:, 2] += centre - turn @ centre
        return Warp(matrix, self.size, self.zoom)

    def shown(self, image: tuple[int, int]) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2: the pixels of the output, on edges, beyond which nothing is shown of an
        image of this (height, width)."""
        if self.crop is not None:
            return self.crop.shown(self.size[1])
        box = self.boxes(np.array([[0, 0, image[1], image[0]]], float))[0]
        low = np.clip(np.floor(box[:2]), 0, np.subtract(self.size[::-1], 1))
        high = np.clip(np.ceil(box[2:]), low + 1, self.size[::-1])
        return tuple(map(int, (*low, *high)))

    def image(self, image: np.ndarray, border: tuple[int, int, int]) -> np.ndarray:
        """Warps (H, W, 3) uint8 linearly, filtered where it shrinks; `border` fills the outside.
        The result may share its memory with `image`, where the warp changes nothing."""
        if self.crop is not None:
            smallest, largest = sorted(self.crop.scales)
            shrinks = smallest < _SHRINK_BELOW
            if not (shrinks and largest > 1):  # which takes a filter one way, and none the other
                kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
                return self._stretch(image, kind, border)
        image, matrix = _shrunk(image, self.matrix)
        # OpenCV warps four channels twice as fast as three.
        image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
        if self._shows_outside(image.shape, matrix):
            # One pixel more all round: the outermost would be blended with the border up to their
            # centres, though they reach half a pixel farther.
            image = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
            matrix = matrix @ np.array([[1.0, 0, -1], [0, 1, -1], [0, 0, 1]])
            warped = self._apply(image, matrix, cv2.INTER_LINEAR, (*border, 0))
        else:
            warped = self._apply(image, matrix, cv2.INTER_LINEAR)
        return cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)

    def linear(self, array: np.ndarray) -> np.ndarray:
        """Warps a map of float32 (H, W) or (H, W, C) linearly, filtered where it shrinks. NaN is
        outside, and wherever a pixel has anything of a NaN. The result may share its memory with
        `array`, where the warp changes nothing."""
        if self.crop is not None:
            smallest, largest = sorted(self.crop.scales)
            shrinks = smallest < _SHRINK_BELOW
            if not (shrinks and largest > 1):
                kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
                return self._stretch(array, kind, np.nan)
        array, matrix = _shrunk(array, self.matrix)
        return self._apply(array, matrix, cv2.INTER_LINEAR, (np.nan,) * 4)

    def nearest(self, array: np.ndarray, border: float) -> np.ndarray:
        """Warps a map (H, W) or (H, W, C) by its nearest pixels; `border` fills the outside. The
        result may share its memory with `array`, where the warp changes nothing."""
        if self.crop is not None:
            return self._stretch(array, cv2.INTER_NEAREST_EXACT, border)
        return self._apply(array, self.matrix, cv2.INTER_NEAREST, (border,) * 4)

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """The boxes (N, 4: x1, y1, x2, y2) around the warped boxes, not clipped."""
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        moved = corners @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)

    def rotation(self) -> np.ndarray:
        """(2, 2): the rotation or mirroring in the matrix, its stretching left out (the orthogonal
        factor of the polar decomposition)."""
        if self.matrix[0, 1] == self.matrix[1, 0] == 0:
            return np.diag(np.sign(self.matrix.diagonal()))
        u, _, vt = np.linalg.svd(self.matrix[:, :2])
        return u @ vt

    def _stretch(self, array, interpolation, border):
        """What :meth:`_apply` gives for a crop."""
        rows, columns = self.crop.place
        inside = array[self.crop.source]
        extent = (rows.stop - rows.start, columns.stop - columns.start)
        if not inside.shape[:2] == extent == self.size:
            result = lend((*self.size, *array.shape[2:]), array.dtype)
            cv2.resize(inside, extent[::-1], dst=result[rows, columns], interpolation=interpolation)
            _fill_around(result, self.crop.place, border)
            inside = result
        if not self.crop.mirrored:
            return inside
        return cv2.flip(inside, 1, dst=lend(inside.shape, inside.dtype))

    def _shows_outside(self, shape, matrix):
        """Whether a corner of the output is outside of an image of this shape."""
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * self.size[::-1] - matrix[:, 2]
        places = np.linalg.solve(matrix[:, :2], corners.T).T
        return bool((places < -1e-9).any() or (places > np.add(shape[1::-1], 1e-9)).any())

    def _apply(self, array, matrix, interpolation, border=None):
        """`border` fills the outside; without one, the outermost pixels go on."""
        # OpenCV counts from pixel centres: p' = A (p + 1/2) + b - 1/2.
        centred = matrix.copy()
        centred[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
        return cv2.warpAffine(
            array,
            centred,
            self.size[::-1],
            flags=interpolation,
            borderMode=cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT,
            borderValue=border or 0,
        )


def _shrunk(array: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The array averaged to about the scale of an affine matrix, where linear interpolation would
    skip pixels, and the matrix for the result."""
    scale = np.linalg.norm(matrix[:, :2], axis=0)
    if scale.min() >= _SHRINK_BELOW:
        return array, matrix
    height, width = array.shape[:2]
    shrunk = (
        max(1, round(width * min(1.0, scale[0]))),
        max(1, round(height * min(1.0, scale[1]))),
    )
    array = cv2.resize(array, shrunk, interpolation=cv2.INTER_AREA)
    return array, matrix @ np.diag([width / shrunk[0], height / shrunk[1], 1.0])


def _fill_around(
    array: np.ndarray, place: tuple[slice, slice], border: float | tuple[float, ...]
) -> None:
    """Fills all but a rectangle of rows and columns."""
    rows, columns = place
    around = [array[: rows.start], array[rows.stop :]]
    around += [array[rows, : columns.start], array[rows, columns.stop :]]
    for strip in around:
        if strip.size:
            strip[...] = np.full(strip.shape[1:], border, array.dtype)  # whole rows are copied fast
