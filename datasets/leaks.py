"""Images that are in several splits: what is tested on is not trained on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from datasets.base import Split


class ResolvedPaths:
    """The files that paths lead to, with links followed. A folder is resolved once for all of its
    files, which is far faster than to ask for each file."""

    def __init__(self):
        self._folders: dict[str, tuple[str, set[str]]] = {}

    def __call__(self, path: Path) -> str:
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder), _links_in(folder)
        resolved, links = self._folders[folder]
        return os.path.realpath(path) if name in links else os.path.join(resolved, name)

    def of(self, splits: Iterable[Split]) -> set[str]:
        """Those of all labelled images of the splits."""
        return {self(s.image) for split in splits for s in split.samples if s.labels}


def without_images(
    splits: Sequence[Split], held_out: Sequence[Split], resolved: ResolvedPaths
) -> tuple[list[Split], int, Path | None]:
    """The splits without the images that are in `held_out` too, by whatever path.

    Returns:
        the splits, how many labelled images were taken out of them, and the first of these.
    """
    elsewhere = resolved.of(held_out)
    kept, taken = [], []
    for split in splits:
        shared = [resolved(sample.image) in elsewhere for sample in split.samples]
        pairs = list(zip(split.samples, shared, strict=True))
        kept.append(replace(split, samples=tuple(s for s, is_shared in pairs if not is_shared)))
        taken += [s.image for s, is_shared in pairs if is_shared and s.labels]
    return kept, len(taken), taken[0] if taken else None


def without_copies(split: Split, resolved: ResolvedPaths) -> tuple[Split, int]:
    """A split in which every image is listed once, the first time, and how many were listed
    again."""
    first = {}
    for sample in split.samples:
        first.setdefault(resolved(sample.image), sample)
    copies = len(split.samples) - len(first)
    return (replace(split, samples=tuple(first.values())) if copies else split), copies


def _links_in(folder: str) -> set[str]:
    """The names of the links in a folder; none where there is no folder."""
    try:
        with os.scandir(folder or ".") as entries:
            return {entry.name for entry in entries if entry.is_symlink()}
    except OSError:
        return set()
