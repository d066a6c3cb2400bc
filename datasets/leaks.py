"""Images that are in several splits: what is tested on is not trained on.

Images are compared by 64 bits of their files' names, and only those that these call alike by the
names themselves: of millions of images, no name is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.base import Split
from datasets.samples import Samples


class ResolvedPaths:
    """The files that paths lead to, with links followed. A folder is resolved once for all of its
    files, which is far faster than to ask for each file."""

    def __init__(self):
        self._folders: dict[str, tuple[str, set[str]]] = {}

    def of(self, samples: Samples) -> Iterator[str]:
        """Those of images."""
        for folder, names in samples.folders():
            if folder not in self._folders:
                self._folders[folder] = os.path.realpath(folder), _links_in(folder)
            resolved, links = self._folders[folder]
            for name in names:
                path = os.path.join(resolved, name)
                yield os.path.realpath(path) if name in links else path

    def hashes(self, samples: Samples) -> np.ndarray:
        """(N) int64 of the images: equal where they are one file, and hardly ever elsewhere."""
        return np.fromiter(map(hash, self.of(samples)), np.int64, len(samples))


def without_images(
    splits: Sequence[Split], held_out: Sequence[Split], resolved: ResolvedPaths
) -> tuple[list[Split], int, Path | None]:
    """The splits without the images that are in `held_out` too, by whatever path.

    Returns:
        the splits, how many labelled images were taken out of them, and the first of these.
    """
    labelled = [s.samples.take(np.flatnonzero(s.samples.label_types().has())) for s in held_out]
    hashes = [resolved.hashes(samples) for samples in labelled]
    count, example = 0, None
    kept = []
    for split in splits:
        ours = resolved.hashes(split.samples)
        alike = np.flatnonzero(np.isin(ours, np.concatenate([ours[:0], *hashes])))
        elsewhere = {
            name
            for samples, theirs in zip(labelled, hashes, strict=True)
            for name in resolved.of(samples.take(np.flatnonzero(np.isin(theirs, ours[alike]))))
        }
        names = resolved.of(split.samples.take(alike))
        shared = alike[np.fromiter((name in elsewhere for name in names), bool, len(alike))]
        others = np.ones(len(ours), bool)
        others[shared] = False
        kept.append(replace(split, samples=split.samples.take(np.flatnonzero(others))))
        taken = shared[split.samples.label_types().has()[shared]]
        count += len(taken)
        if example is None and len(taken):
            example = split.samples[int(taken[0])].image
    return kept, count, example


def without_copies(split: Split, resolved: ResolvedPaths) -> tuple[Split, int]:
    """A split in which every image is listed once, the first time, and how many were listed
    again."""
    hashes = resolved.hashes(split.samples)
    ordered = np.sort(hashes)
    alike = np.flatnonzero(np.isin(hashes, ordered[1:][ordered[1:] == ordered[:-1]]))
    seen: set[str] = set()
    kept = np.ones(len(hashes), bool)
    for index, name in zip(alike, resolved.of(split.samples.take(alike)), strict=True):
        kept[index] = name not in seen
        seen.add(name)
    copies = int((~kept).sum())
    if not copies:
        return split, 0
    return replace(split, samples=split.samples.take(np.flatnonzero(kept))), copies


def _links_in(folder: str) -> set[str]:
    """The names of the links in a folder; none where there is no folder."""
    try:
        with os.scandir(folder or ".") as entries:
            return {entry.name for entry in entries if entry.is_symlink()}
    except OSError:
        return set()
