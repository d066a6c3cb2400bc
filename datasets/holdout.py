"""A part of the training images that steers the weights and chooses the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from datasets.base import Sample, Split

_PROBES = 20
"""Labels that tell whether all of a dataset are usable: to read them all would take long."""


def train_val_split(
    split: Split, share: float, usable: Callable[[Split, Sample], bool] | None = None
) -> tuple[Split, Split]:
    """A dataset without a share of its images, and that share.

    Images are taken evenly from those labelled alike, so that every task keeps its share; at least
    one of each is held out, and which they are depends on nothing but the list of images and on
    `usable`.

    Args:
        usable: whether the labels of an image can measure anything. Where one of the first twenty
            images to hold out cannot, images that can are held out before others; without it, all
            can.
    """

    samples, types = split.samples, split.samples.label_types()
    chosen = np.zeros(len(samples), bool)
    for number in range(len(types.sets)):
        alike = np.flatnonzero(types.numbers == number)
        shuffled = alike[np.random.default_rng(0).permutation(len(alike))]
        count = _held_out(len(alike), share)
        if usable is None:
            chosen[shuffled[:count]] = True
        else:
            chosen[_usable_first(shuffled, count, lambda i: usable(split, samples[i]))] = True
    kept, taken = (samples.take(np.flatnonzero(part)) for part in (~chosen, chosen))
    return replace(split, samples=kept), replace(split, samples=taken)


def stratified_holdout(
    labelled: Mapping[Hashable, Hashable],
    share: float,
    choose: Callable[[list[Hashable], int], Sequence[Hashable]],
) -> set[Hashable]:
    """A share of some images: of those labelled alike as many as the share says, at least one and
    not all.

    Args:
        labelled: by image, what it is labelled for.
        choose: a number of images of those that are labelled alike.
    """
    groups: dict[Hashable, list[Hashable]] = {}
    for image, labels in labelled.items():
        groups.setdefault(labels, []).append(image)
    chosen: set[Hashable] = set()
    for group in groups.values():
        chosen.update(choose(group, _held_out(len(group), share)))
    return chosen


def _held_out(images: int, share: float) -> int:
    """How many of so many images are held out."""
    return min(max(1, round(share * images)), images - 1)


def _usable_first(images: np.ndarray, count: int, usable: Callable[[int], bool]) -> Sequence[int]:
    """The first `count` usable images; where there are too few, others after them."""
    if all(map(usable, images[: min(count, _PROBES)])):
        return images[:count]
    chosen, others = [], []
    for image in images:
        if len(chosen) == count:
            break
        (chosen if usable(image) else others).append(image)
    return [*chosen, *others][:count]
