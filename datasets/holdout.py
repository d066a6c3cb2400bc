"""A part of the training images that steers the weights and chooses the checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from datasets.base import Source


def split(source: Source, share: float) -> tuple[Source, Source]:
    """A dataset without a share of its images, and that share.

    Images are taken evenly from those labelled alike, so that every task keeps its share; at least
    one of each is held out, and which they are depends on nothing but the list of images.
    """
    groups: dict[tuple, list[int]] = {}
    for index, sample in enumerate(source.samples):
        groups.setdefault(tuple(sorted(sample.labels)), []).append(index)
    held_out: set[int] = set()
    for group in groups.values():
        count = min(max(1, round(share * len(group))), len(group) - 1)
        order = np.random.default_rng(0).permutation(len(group))
        held_out.update(group[i] for i in order[:count])
    kept = tuple(s for i, s in enumerate(source.samples) if i not in held_out)
    taken = tuple(s for i, s in enumerate(source.samples) if i in held_out)
    return replace(source, samples=kept), replace(source, samples=taken)
