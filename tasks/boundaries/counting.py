"""How well predicted boundaries agree with the truth at every threshold of their probability."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tasks.boundaries.matching import Truth
from tasks.boundaries.thinning import thin

THRESHOLDS = 99
"""Those of the probability: 0.01, 0.02, … 0.99."""

_FASTEST = 1  # of zlib: a third of the bytes in a few milliseconds
_YES, _VOID = 1, 255  # of targets


@dataclass(frozen=True)
class BoundaryImage:
    """A predicted and the true boundary of an image, compressed.

    Attributes:
        levels: (H, W) uint8, how many of the thresholds the probability of each pixel reaches.
        target: (H, W) uint8: 1 boundary, 0 none, 255 void.
        shape: (H, W).
    """

    levels: bytes
    target: bytes
    shape: tuple[int, int]

    @classmethod
    def of(cls, levels: np.ndarray, target: np.ndarray) -> BoundaryImage:
        """The part of an image that the pixels that count span: beyond it there is padding."""
        rows, columns = (np.flatnonzero((target != _VOID).any(axis)) for axis in (1, 0))
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        parts = [np.ascontiguousarray(array[part]) for array in (levels, target)]
        return cls(*(zlib.compress(array, _FASTEST) for array in parts), parts[0].shape)

    def count(self, tolerance: float, thresholds: Iterable[int], exact: bool = False) -> np.ndarray:
        """(3, thresholds) int64: the pairs, the predicted and the true pixels at each threshold.

        Args:
            tolerance: how far the pixels of a pair may be apart, as a share of the diagonal.
            thresholds: which of the thresholds, from 1 on.
            exact: whether the largest number of pairs is found, or a large one.
        """
        levels, target = (
            np.frombuffer(zlib.decompress(data), np.uint8).reshape(self.shape)
            for data in (self.levels, self.target)
        )
        counting, boundary = target != _VOID, target == _YES
        truth = Truth(boundary, tolerance * math.hypot(*self.shape))
        known, counts = {}, []
        for threshold in thresholds:
            reaching = levels >= threshold
            size = int(reaching.sum())
            if size not in known:  # else it is the same boundary as that of another threshold
                thinned = thin(reaching) & counting
                pairs = truth.exact(thinned) if exact else truth.greedy(thinned)
                known[size] = (pairs, int(thinned.sum()), int(boundary.sum()))
            counts.append(known[size])
        return np.array(counts, np.int64).reshape(-1, 3).T


def f_measures(counts: np.ndarray) -> np.ndarray:
    """(N) float64: 2PR / (P + R) of (3, N) counts, as :meth:`BoundaryImage.count` has them: twice
    the pairs over the pixels of both boundaries. 0 where there are none."""
    pairs, predicted, true = counts.astype(np.float64)
    return 2 * pairs / np.maximum(predicted + true, 1)
