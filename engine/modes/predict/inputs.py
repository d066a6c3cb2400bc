"""What `--input` names: images, folders of them, lists of them, videos, a camera or a stream."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.formats.text_files import read_text
from utils.errors import ConfigError, DataError

IMAGES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".jp2"),
    *(".gif", ".ppm", ".pgm", ".mpo"),
)
VIDEOS = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts"),
    *(".mts", ".3gp"),
)
_LIST = ".txt"
_MOST_BYTES = 2**28  # of a list: some millions of paths


class Source(NamedTuple):
    """An image, a video, or a camera.

    Attributes:
        address: its path, the number of a camera, or the address of a stream.
        name: its path below the folder that all inputs have in common, with slashes.
        stem: the name of its outputs: `name` without its ending, where no other one is called so.
        is_video: whether it has frames.
        is_live: whether it ends by a signal alone.
    """

    address: str
    name: str
    stem: str
    is_video: bool = False
    is_live: bool = False


def find_sources(words: Sequence[str], output: Path) -> list[Source]:
    """The sources that the words of `--input` name, each once, in their order; those of a folder
    sorted, without what lies in the folder of the output.

    Raises:
        ConfigError: there is nothing of a name, or no image or video in it.
        DataError: a list cannot be read.
    """
    if not words:
        raise ConfigError("names nothing: an image, a folder, a list or a video", "input")
    live = [word for word in words if _is_live(word)]
    if live and len(words) > 1:
        raise ConfigError(f"{live[0]} is a camera or a stream, and stands alone", "input")
    if live:
        name = f"camera{live[0]}" if live[0].isdecimal() else "stream"
        return [Source(live[0], name, name, is_video=True, is_live=True)]
    paths: dict[str, str] = {}  # as they were given, by where they are
    for path in (path for word in words for path in _paths(word, output)):
        paths.setdefault(os.path.abspath(path), path)
    base = os.path.abspath(words[0]) if len(words) == 1 and os.path.isdir(words[0]) else None
    base = base or os.path.commonpath([os.path.dirname(path) for path in paths])
    names = [Path(os.path.relpath(path, base)).as_posix() for path in paths]
    return [
        Source(path, name, stem, _is_video(path))
        for path, name, stem in zip(paths.values(), names, _stems(names), strict=True)
    ]


def _stems(names: Sequence[str]) -> list[str]:
    """The names without their endings, but for those that would be the name of two."""
    stems = [os.path.splitext(name)[0] for name in names]
    called = Counter(stems) + Counter(names)
    pairs = zip(names, stems, strict=True)
    return [stem if called[stem] == 1 else name for name, stem in pairs]


def _paths(word: str, output: Path) -> list[str]:
    if os.path.isdir(word):
        if os.path.abspath(word) == os.path.abspath(output):
            raise ConfigError(f"{word} is the folder of the input; name another one", "output")
        found = list(_below(word, os.path.abspath(output)))
        if not found:
            raise ConfigError(f"there is no image and no video in {word}", "input")
        return found
    if not os.path.exists(word):
        raise ConfigError(f"there is no file or folder {word}", "input")
    if word.lower().endswith(_LIST):
        return _listed(Path(word))
    return [word]


def _below(folder: str, output: str) -> Iterator[str]:
    """The images and videos in a folder and its subfolders, but for the folder `output`."""
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.abspath(os.path.join(place, name)) != output
        )
        for name in sorted(files):
            if name.lower().endswith((*IMAGES, *VIDEOS)) and not name.startswith("."):
                yield os.path.join(place, name)


def _listed(file: Path) -> list[str]:
    """The paths in a list, one a line, counted from the list's folder. Empty lines and those that
    begin with # do not count. What is missing is told when it is read."""
    text = read_text(file, "a list of files", _MOST_BYTES)
    lines = (line.strip() for line in text.splitlines())
    paths = [str(file.parent / line) for line in lines if line and not line.startswith("#")]
    if not paths:
        raise DataError(f"{file}: the list names no file")
    return paths


def _is_live(word: str) -> bool:
    return "://" in word or (word.isdecimal() and not os.path.exists(word))


def _is_video(path: str) -> bool:
    return path.lower().endswith(VIDEOS)
