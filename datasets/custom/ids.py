"""A list of the images to take, by their ids, beside a pattern of all images."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from datasets.custom.patterns import Names, composed
from datasets.custom.tables import cells_of
from datasets.listing import words_of
from utils.errors import DataError
from utils.option import closest


class Chosen(NamedTuple):
    """The images that a list of ids names, in its order, and how many lines name one again."""

    images: Names
    again: int


def choose(images: Names, folder: Path, source: str) -> Chosen:
    """The images that a list of ids names. An id is the first word of a line, or all of it: the
    text that the wildcards of the images matched, or the end of a path from a folder's name on,
    with the suffix or without.

    Args:
        source: the list.

    Raises:
        DataError: the list cannot be read; an id is of no image, or of several; names its line.
    """
    known = _Ids(images)
    table, cells = cells_of(folder, source)
    chosen: dict[Hashable, str] = {}
    for row, cell in enumerate(cells, 1):
        key = known.key(cell, table.place(row))
        chosen.setdefault(key, images[key])
    return Chosen(chosen, len(cells) - len(chosen))


class _Ids:
    """The ids of images. The text that the wildcards matched and the whole path come before the
    ends of paths, which several images may share."""

    def __init__(self, images: Names):
        self.images = images
        self._whole = _Index()
        for key, name in images.items():
            path = composed(name)
            for text in (_joined(key), path, os.path.splitext(path)[0]):
                self._whole.add(text, key)

    @cached_property
    def _endings(self) -> _Index:
        endings = _Index()
        for key, name in self.images.items():
            for ending in _endings(composed(name)):
                endings.add(ending, key)
        return endings

    def key(self, line: str, place: str) -> Hashable:
        """The key of the image that a line names."""
        for text in dict.fromkeys((line, next(iter(words_of(line)), ""))):
            text = composed(text.replace("\\", "/").removeprefix("./").lstrip("/"))
            keys = self._whole.get(text) or self._endings.get(text, [])
            if len(keys) > 1:
                names = f"{self.images[keys[0]]} and {self.images[keys[1]]}"
                raise DataError(f"{place}: {text} is the id of several images, such as {names}")
            if keys:
                return keys[0]
        near = closest(text, map(_joined, self.images))
        hint = f"did you mean {near}?" if near else f"one is {next(iter(self.images.values()))}"
        raise DataError(f"{place}: {text} is the id of no image; {hint}")


class _Index(dict[str, list[Hashable]]):
    """The keys of the images that a text may name."""

    def add(self, text: str, key: Hashable) -> None:
        keys = self.setdefault(text, [])
        if key not in keys:
            keys.append(key)


def _joined(key: tuple[str, ...]) -> str:
    """The texts that wildcards matched, as one path."""
    return "/".join(text.strip("/") for text in key if text)


def _endings(path: str) -> Iterator[str]:
    """The path from each of its folders on, and from the file's name on, with the suffix and
    without."""
    while path:
        yield path
        yield os.path.splitext(path)[0]
        path = path.partition("/")[2]
