"""The endless order in which a set of images is drawn, without remembering what was drawn."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np


class ShuffledStream:
    """A set of images shuffled anew in every *pass*, one pass after the other without end.

    So all images come equally often, up to one, however the stream is cut into batches and epochs.
    A pass is a function of (seed, its number) alone, and any part of the stream can be asked for.

    No image comes twice within `window` successive draws, where there are that many images. Two
    passes that know nothing of each other would break that where they meet:

    - In a large set, what comes first in a pass and came last in the one before is put further
      back in its pass. The last part of a pass stays as it was shuffled, so that a pass needs to
      know no more than the one before.
    - Where there are fewer than three windows of images, that leaves no room. There the images are
      shuffled once for all, and in every pass only within blocks of that order: an image keeps its
      place up to the size of a block, so two passes show it at least n + 1 - block draws apart. A
      set of fewer images than a window has blocks of one: each window shows all of its images
      equally often, up to one.

    Args:
        length: the number of images, n, at least 1.
        window: a number of draws; 1 where images may follow each other in any way.
        seed: two numbers, of the run and of the set.
    """

    def __init__(self, length: int, window: int, seed: tuple[int, int]):
        self.length = length
        large = length >= 3 * (window - 1)
        self.edge = window - 1 if large else 0
        self.block = length if large else max(1, length + 1 - window)
        self.key = np.random.SeedSequence(seed).generate_state(2, np.uint64)

    def part(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The draws from number `first`, counted from 0, to before number `last`.

        Returns:
            The numbers of their passes, counted from 1, and their images, in [0, n): a pair of both
            comes once in the whole stream.
        """
        places = np.arange(first, last)
        begin = first // self.length
        orders = self._passes(begin, max(begin, -(-last // self.length)))
        return places // self.length + 1, orders.ravel()[places - begin * self.length]

    def _passes(self, first: int, last: int) -> np.ndarray:
        """(last - first, n) the images of these passes, counted from 0."""
        if not self.edge:
            return self._shuffled(first, last)
        orders = self._shuffled(max(0, first - 1), last)
        for before, order in pairwise(orders):
            self._part_edges(before, order)
        return orders[len(orders) - (last - first) :]

    def _shuffled(self, first: int, last: int) -> np.ndarray:
        # Philox counts: its random numbers can be had from anywhere, four a count.
        counts = -(-self.length // 4)
        generator = np.random.Generator(np.random.Philox(key=self.key, counter=first * counts))
        numbers = generator.random((last - first, 4 * counts))[:, : self.length]
        block = np.arange(self.length) // self.block
        return self._base[np.argsort(block + numbers, axis=1, kind="stable")]

    @cached_property
    def _base(self) -> np.ndarray:
        return np.random.default_rng(self.key).permutation(self.length)

    def _part_edges(self, before: np.ndarray, order: np.ndarray) -> None:
        """Swaps what stands at the begin of `order` and at the end of `before` into the middle of
        `order`. It has room: n - 2 edges, of which all but at most one edge are of no concern."""
        edge, late = self.edge, before[-self.edge :]
        wrong = np.flatnonzero(np.isin(order[:edge], late))
        middle = np.flatnonzero(~np.isin(order[edge : self.length - edge], late)) + edge
        right = middle[: len(wrong)]
        order[wrong], order[right] = order[right], order[wrong]
