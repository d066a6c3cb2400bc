"""A part of the training images that steers the weights and chooses the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from datasets.base import Split


def train_val_split(split: Split, share: float) -> tuple[Split, Split]:
    """A dataset without a share of its images, and that share.

    Images are taken evenly from those labelled alike, so that every task keeps its share; at least
    one of each is held out, and which they are depends on nothing but the list of images.
    """
    labelled = {i: tuple(sorted(sample.labels)) for i, sample in enumerate(split.samples)}
    chosen = stratified_holdout(labelled, share, _shuffled)
    kept = tuple(s for i, s in enumerate(split.samples) if i not in chosen)
    taken = tuple(s for i, s in enumerate(split.samples) if i in chosen)
    return replace(split, samples=kept), replace(split, samples=taken)


def stratified_holdout(
    labelled: Mapping[Hashable, Hashable],
    share: float,
    in_order: Callable[[list[Hashable]], Sequence[Hashable]],
) -> set[Hashable]:
    """A share of some images: of those labelled alike the first ones in order, at least one and not
    all.

    Args:
        labelled: by image, what it is labelled for.
        in_order: puts images that are labelled alike in the order in which they are chosen.
    """
    groups: dict[Hashable, list[Hashable]] = {}
    for image, labels in labelled.items():
        groups.setdefault(labels, []).append(image)
    chosen: set[Hashable] = set()
    for group in groups.values():
        count = min(max(1, round(share * len(group))), len(group) - 1)
        chosen.update(in_order(group)[:count])
    return chosen


def _shuffled(images: list[Hashable]) -> list[Hashable]:
    return [images[i] for i in np.random.default_rng(0).permutation(len(images))]
