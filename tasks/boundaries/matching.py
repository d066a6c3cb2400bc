"""Which pixels of two boundaries correspond: pairs of one pixel of each, no farther apart than a
tolerance, as in Martin, Fowlkes and Malik (PAMI 2004)."""

from __future__ import annotations

import functools

import numpy as np


class Truth:
    """The true boundary of an image, with which predicted ones are compared.

    Args:
        boundary: (H, W) bool.
        tolerance: how far two pixels of a pair may be apart, in pixels.
    """

    def __init__(self, boundary: np.ndarray, tolerance: float):
        self.margin = int(tolerance)
        self.offsets = _offsets(tolerance, boundary.shape[1] + 2 * self.margin)
        padded = np.pad(boundary, self.margin)
        pixels = np.flatnonzero(padded)
        self.places = np.full(padded.size, -1, np.int32)
        self.places[pixels] = np.arange(len(pixels))
        self.near = np.zeros(padded.size, bool)
        for offset in self.offsets:
            self.near[pixels + offset] = True

    def greedy(self, predicted: np.ndarray) -> int:
        """The number of pairs where the nearest pixels are paired first: at least half of the
        largest one, mostly nearly all of it.

        Args:
            predicted: (H, W) bool.
        """
        free, left = self.places >= 0, self._near_pixels(predicted)
        pairs = 0
        for offset in self.offsets:
            found = free[left + offset]
            if found.any():
                free[left[found] + offset] = False
                before, left = len(left), left[~found]
                pairs += before - len(left)
        return pairs

    def exact(self, predicted: np.ndarray) -> int:
        """The largest number of pairs that there can be, which takes many times as long.

        Args:
            predicted: (H, W) bool.
        """
        pixels = self._near_pixels(predicted)
        partners = self.places[pixels[:, None] + self.offsets]  # (pixels, offsets)
        found = partners >= 0
        reached, truth = np.unique(partners[found], return_inverse=True)
        sides = (np.nonzero(found)[0], len(pixels)), (truth, len(reached))
        return largest_matching(*sorted(sides, key=lambda side: side[1]))

    def _near_pixels(self, predicted: np.ndarray) -> np.ndarray:
        """The predicted pixels that have a true one within the tolerance."""
        pixels = np.flatnonzero(np.pad(predicted, self.margin))
        return pixels[self.near[pixels]]


def largest_matching(rows: tuple[np.ndarray, int], columns: tuple[np.ndarray, int]) -> int:
    """The size of the largest matching of two sets.

    Each row may also be matched with a dummy of its own, at the cost of 2; a pair costs 1. So the
    cheapest matching of all rows has the fewest dummies.

    Args:
        rows, columns: of each side, the (N) indices of the pairs that may be matched, and how many
            members it has; fast where there are fewer rows than columns.
    """
    # They take longer to import than the rest of the program.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    (rows, height), (columns, width) = rows, columns
    if not height:
        return 0
    every_row = np.arange(height)
    costs = np.repeat((1.0, 2.0), (len(rows), height))
    places = np.concatenate([rows, every_row]), np.concatenate([columns, width + every_row])
    matrix = csr_array((costs, places), shape=(height, width + height))
    _, matched = min_weight_full_bipartite_matching(matrix)
    return int((matched < width).sum())


@functools.lru_cache
def _offsets(tolerance: float, width: int) -> np.ndarray:
    """The steps to all pixels within the tolerance, in a flattened image of this width; the
    shortest first."""
    reach = np.arange(-int(tolerance), int(tolerance) + 1)
    y, x = (axis.ravel() for axis in np.meshgrid(reach, reach, indexing="ij"))
    squares = y**2 + x**2
    order = np.argsort(squares, kind="stable")
    order = order[squares[order] <= tolerance**2]
    return (y * width + x)[order]
