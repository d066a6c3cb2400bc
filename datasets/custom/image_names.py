"""Which image of a dataset a name in a JSON means: the files of other programs name images by their
path, by a part of it, or by where they lay on another machine."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

_DRIVE = re.compile("[A-Za-z]:/")
_SEVERAL = -1
_LEAST_PARTS = 2
"""Of a path of another machine: a name without any folder may be that of another image."""


def match_names(
    names: Sequence[str], images: Sequence[str], folder: Path, beside: Path
) -> tuple[dict[str, int], dict[int, str]]:
    """Finds the image of each name, in a time that grows as the two lists.

    A name with folders means the image whose path ends in it. A name without means the image that
    alone is called so, where no other name ends alike. An absolute path, and one with '..' that
    leads nowhere, means the image that alone shares its longest ending of two parts or more.

    Args:
        names: with slashes.
        images: the files of the images below `folder`.
        beside: the folder that a name with '..' counts from.

    Returns:
        the place of its name by the image, and by the place of each name that means no image, why
        not.
    """
    paths = _Paths(folder, images)
    called = Counter(map(_last, names))
    places: dict[int, list[int]] = {}
    unmatched: dict[int, str] = {}
    for place, name in enumerate(names):
        image, reason = paths.find(name, beside, called)
        if image is None:
            unmatched[place] = reason
        else:
            places.setdefault(image, []).append(place)
    for image, same in places.items():
        if len(same) > 1:
            reason = f"{len(same)} names mean the image {images[image]}"
            unmatched |= dict.fromkeys(same, reason)
    rows = {images[image]: same[0] for image, same in places.items() if len(same) == 1}
    return rows, unmatched


class _Paths:
    """The paths of images by their endings. Each image has the path that it is found by, and the
    one that links in it lead to."""

    def __init__(self, folder: Path, images: Sequence[str]):
        called = os.path.abspath(folder)
        self._called = [os.path.normpath(f"{called}/{name}") for name in images]
        folders = {path.rpartition("/")[0] for path in self._called}
        target = {folder: os.path.realpath(folder) for folder in folders}
        split = (path.rpartition("/") for path in self._called)
        self._resolved = [f"{target[folder]}/{name}" for folder, _, name in split]
        self._depth = max(path.count("/") for path in (*self._called, *self._resolved))
        self._by_length: dict[int, dict[str, int]] = {}

    def find(
        self, name: str, beside: Path, called: Counter[str]
    ) -> tuple[int, str] | tuple[None, str]:
        """The image that a name means, or None and why not; `called` counts the last parts of all
        names."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if not parts or parts[-1] == "..":
            return None, "it is no name of a file"
        if ".." in parts:
            return self._find_elsewhere(parts, os.path.abspath(beside / name))
        if name.startswith("/") or _DRIVE.match(name):
            return self._find_elsewhere(parts, name)
        if len(parts) == 1 and called[parts[0]] > 1:
            return None, "several entries are called so"
        return self._told(self._ending_in(parts), parts[-1])

    def _find_elsewhere(self, parts: list[str], path: str) -> tuple[int | None, str]:
        """The image at a path, or else the one that shares its longest ending."""
        image = self._ending_in([part for part in path.split("/") if part])
        if image is not None and image != _SEVERAL:
            return image, ""
        steps = len(parts) - parts[::-1].index("..") if ".." in parts else 0
        parts = parts[steps:]
        for length in range(min(len(parts), self._depth), _LEAST_PARTS - 1, -1):
            if (image := self._ending_in(parts[-length:])) is not None:
                return self._told(image, parts[-1])
        return self._told(None, parts[-1] if parts else "")

    def _ending_in(self, parts: list[str]) -> int | None:
        """The image whose path ends in these; None: there is none, or `_SEVERAL`."""
        length = len(parts)
        if length > self._depth:
            return None
        if length not in self._by_length:
            self._by_length[length] = self._endings(length)
        return self._by_length[length].get("/".join(parts))

    def _endings(self, length: int) -> dict[str, int]:
        endings: dict[str, int] = {}
        for paths in (self._called, self._resolved):
            for image, path in enumerate(paths):
                ending = "/".join(path.rsplit("/", length)[1:])
                if endings.setdefault(ending, image) != image:
                    endings[ending] = _SEVERAL
        return endings

    def _told(self, image: int | None, last: str) -> tuple[int | None, str]:
        """An image with a reason where it is none."""
        if image == _SEVERAL:
            return None, "the paths of several images end so"
        if image is not None:
            return image, ""
        if last in self._endings_without_folder:
            return None, "the image called so lies in another folder"
        if _folded(last) in self._folded_names:
            return None, "the image called so differs in capitals or in the form of its letters"
        return None, "no image is called so"

    @cached_property
    def _endings_without_folder(self) -> set[str]:
        return set(map(_last, self._called))

    @cached_property
    def _folded_names(self) -> set[str]:
        return set(map(_folded, self._endings_without_folder))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
