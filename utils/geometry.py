"""The one way in which images and labels are moved: an affine matrix on pixel edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

# Below this scale, linear interpolation skips pixels: the image is averaged first.
_SHRINK_BELOW = 0.75

_ON_AN_EDGE = 1e-6  # of a pixel


@dataclass(frozen=True)
class Warp:
    """An affine map from an image to the output.

    Attributes:
        matrix: (2, 3) float64. It maps positions (x, y) on pixel *edges*: an image of width W spans
            0 to W, and the centre of its first pixel is at 0.5.
        size: (height, width) of the output.
        zoom: how much closer the scene appears through a crop or pad. Stretching an image to the
            output's size is no zoom: the scene is as far away as before.
    """

    matrix: np.ndarray
    size: tuple[int, int]
    zoom: float = 1.0

    @classmethod
    def resize(cls, source: tuple[int, int], size: tuple[int, int]) -> Warp:
        """Stretches an image of size `source` (height, width) to `size`."""
        scale = np.diag([size[1] / source[1], size[0] / source[0]])
        return cls(np.concatenate([scale, np.zeros((2, 1))], axis=1), size)

    def image(
        self, image: np.ndarray, border: tuple[int, int, int], out: np.ndarray | None = None
    ) -> np.ndarray:
        """Warps (H, W, 3) uint8 linearly, filtered where it shrinks; `border` fills the outside.

        Args:
            out: what the result is written to, and which is then returned. Without it, the result
                may share its memory with `image`, where the warp changes nothing.
        """
        if (same := self._same(image, out)) is not None:
            return same
        if (stretch := self._stretch(image.shape)) and not stretch.shrinks_one_way:
            filtered = stretch.smallest_scale < _SHRINK_BELOW
            kind = cv2.INTER_AREA if filtered else cv2.INTER_LINEAR
            return self._stretched(image, stretch, kind, border, out)
        matrix = self.matrix
        scale = np.linalg.norm(matrix[:, :2], axis=0)
        if scale.min() < _SHRINK_BELOW:
            height, width = image.shape[:2]
            shrunk = (
                max(1, round(width * min(1.0, scale[0]))),
                max(1, round(height * min(1.0, scale[1]))),
            )
            image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.diag([width / shrunk[0], height / shrunk[1], 1.0])
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
        return _written(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=out), out)

    def nearest(
        self, array: np.ndarray, border: float, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Warps a map (H, W) or (H, W, C) by its nearest pixels; `border` fills the outside. `out`
        is as in :meth:`image`."""
        if (same := self._same(array, out)) is not None:
            return same
        if stretch := self._stretch(array.shape):
            return self._stretched(array, stretch, cv2.INTER_NEAREST_EXACT, border, out)
        return _written(self._apply(array, self.matrix, cv2.INTER_NEAREST, (border,) * 4, out), out)

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

    def _same(self, array, out):
        """The array itself, or its mirror image, where that is the whole warp: so it is in half of
        all augmentations of images that have the output's size."""
        if array.shape[:2] != self.size:
            return None
        matrix = self.matrix.tolist()
        if matrix == [[1, 0, 0], [0, 1, 0]]:
            return array if out is None else _written(array, out)
        if matrix == [[-1, 0, self.size[1]], [0, 1, 0]]:
            return _written(cv2.flip(array, 1, dst=out), out)
        return None

    def _stretch(self, shape: tuple[int, ...]) -> _Stretch | None:
        """The warp of an image of this shape as a stretch of one rectangle of whole pixels to
        another, and perhaps a mirroring; None where it is none."""
        (along, skew, shift), (skew_too, down, drop) = self.matrix.tolist()
        if skew or skew_too or not along or down <= 0:
            return None
        mirrored = along < 0
        if mirrored:
            along, shift = -along, self.size[1] - shift
        spans = [
            _span(drop, down, shape[0], self.size[0]),
            _span(shift, along, shape[1], self.size[1]),
        ]
        if None in spans:
            return None
        (above, place_above), (beside, place_beside) = spans
        return _Stretch((above, beside), (place_above, place_beside), (down, along), mirrored)

    def _stretched(self, array, stretch, interpolation, border, out):
        """What :meth:`_apply` gives, several times faster."""
        shape = (*self.size, *array.shape[2:])
        alike = out is not None and out.dtype == array.dtype
        result = out if alike else np.empty(shape, array.dtype)
        inside = result[stretch.place]
        cv2.resize(
            array[stretch.source], inside.shape[1::-1], dst=inside, interpolation=interpolation
        )
        _fill_around(result, stretch.place, border)
        if stretch.mirrored:
            cv2.flip(result, 1, dst=result)
        return _written(result, out)

    def _shows_outside(self, shape, matrix):
        """Whether a corner of the output is outside of an image of this shape."""
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * self.size[::-1] - matrix[:, 2]
        places = np.linalg.solve(matrix[:, :2], corners.T).T
        return bool((places < -1e-9).any() or (places > np.add(shape[1::-1], 1e-9)).any())

    def _apply(self, array, matrix, interpolation, border=None, out=None):
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
            dst=out,
        )


class _Stretch(NamedTuple):
    """Rows and columns of an image that are stretched to rows and columns of the output, by so much
    down and across, before all of it is mirrored."""

    source: tuple[slice, slice]
    place: tuple[slice, slice]
    scales: tuple[float, float]
    mirrored: bool

    @property
    def smallest_scale(self) -> float:
        return min(self.scales)

    @property
    def shrinks_one_way(self) -> bool:
        """Whether it would have to be filtered in one direction and interpolated in the other."""
        return min(self.scales) < _SHRINK_BELOW and max(self.scales) > 1


def _span(shift: float, scale: float, length: int, extent: int) -> tuple[slice, slice] | None:
    """The pixels of a row of `length` that show in a row of `extent`, and where they do; None where
    their edges are not those of pixels, or none shows."""
    first, last = max(0.0, shift), min(float(extent), shift + scale * length)
    edges = ((first - shift) / scale, (last - shift) / scale, first, last)
    whole = [round(edge) for edge in edges]
    far = max(abs(edge - near) for edge, near in zip(edges, whole, strict=True))
    if far > _ON_AN_EDGE or whole[0] >= whole[1] or whole[2] >= whole[3]:
        return None
    return slice(*whole[:2]), slice(*whole[2:])


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


def _written(result: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """The result, in `out` if there is one. OpenCV writes to it where it is of the very type."""
    if out is None or result is out:
        return result
    out[...] = result
    return out
