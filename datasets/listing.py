"""Lists of images, and whether the files that they name are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.formats.text_files import read_text
from utils.errors import DataError

MOST_BYTES_OF_A_LIST = 2**28
_LONGEST_NAME, _LONGEST_PATH = 255, 1024  # bytes, of a file below its dataset's folder
_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")  # in a file's name
_WORD = re.compile(r"""(?P<quote>["'])(?P<quoted>.{0,1024}?)(?P=quote)(?!\S)|(?P<plain>\S+)""")

if TYPE_CHECKING:
    from datasets.base import Sample


def read_list(path: Path, columns: tuple[str, ...] = ("image",)) -> list[list[str]]:
    """Reads the first words of every line of a list of images, as many as there are `columns`,
    which name them. Lines without any word are skipped; a path counts from a folder of the dataset,
    with a slash before it or without. A word that holds blanks stands in quotes.

    Raises:
        DataError: the list is missing, unreadable or empty, a line has too few words, or a path
            leads out of its folder.
    """
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        words = [word.lstrip("/") for word in words_of(line)[: len(columns)]]
        if 0 < len(words) < len(columns):
            expected = " ".join(f"<{name}>" for name in columns)
            raise DataError(f"{path}:{number}: has {line.strip()!r}, a line says {expected}")
        require_inside(path.parent, words, f"{path}:{number}")
        if words:
            rows.append(words)
    if not rows:
        raise DataError(f"{path}: the list of images is empty")
    return rows


def read_lines(path: Path) -> list[str]:
    """The lines of a list of files.

    Raises:
        DataError: it is missing, or cannot be read.
    """
    return re.split("\r\n|\r|\n", read_text(path, "a list of files", MOST_BYTES_OF_A_LIST))


def words_of(line: str) -> list[str]:
    """The words in a line of a list, those with blanks in quotes; the paths among them have slashes
    where Windows writes backslashes."""
    words = (match["plain"] or match["quoted"] for match in _WORD.finditer(line))
    return [word.replace("\\", "/") for word in words]


def unquoted(line: str) -> str:
    """The path that is the whole of a line, blanks in it included; see :func:`words_of`."""
    line = line.strip()
    if len(line) > 1 and line[0] == line[-1] and line[0] in "\"'":
        line = line[1:-1].strip()
    return line.replace("\\", "/")


def require_inside(folder: Path, names: Iterable[str], place: str) -> None:
    """Checks that names, which others have written into a list, are those of files in a folder.

    Args:
        place: of the names, for the error.

    Raises:
        DataError: one leads out of the folder, or cannot be the name of a file.
    """
    for name in names:
        if name.startswith("/") or ".." in name:
            path = os.path.abspath(folder / name)
            if not Path(path).is_relative_to(os.path.abspath(folder)):
                raise DataError(f"{place}: {name} leads out of the dataset's folder")
        encoded = name.encode(errors="replace")
        too_long = (
            len(encoded) > _LONGEST_PATH or max(map(len, encoded.split(b"/"))) > _LONGEST_NAME
        )
        if too_long or _IMPOSSIBLE.search(name):
            raise DataError(f"{place}: {name} cannot be the name of a file")


def names_in(folder: Path) -> set[str]:
    """The names of the files in a folder; empty where there is no folder."""
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def require_samples(samples: Sequence[Sample]) -> None:
    """Checks that the files of all samples are there and not empty.

    Raises:
        DataError: some are not; names the first, and says where all images of a list are missing,
            which then is likely the list of another dataset.
    """
    by_list: dict[Path | None, list[Sample]] = {}
    for sample in samples:
        by_list.setdefault(sample.listed_in, []).append(sample)
    for listed_in, listed in by_list.items():
        images = [sample.image for sample in listed]
        labels = (file for s in listed for label in s.labels.values() for file in label.files)
        try:
            require_files(dict.fromkeys([*images, *labels]))
        except DataError:
            if listed_in is not None:
                _refuse_other_list(images, listed_in)
            raise


def require_files(paths: Iterable[Path], may_be_empty: tuple[str, ...] = ()) -> None:
    """Checks that files are there and not empty. It lists their folders, which is far faster than
    asking for each file.

    Args:
        may_be_empty: the suffixes of files that hold something even when they are empty.

    Raises:
        DataError: some are not; names the first, and says how many there are.
    """
    paths = list(paths)
    sizes = {folder: _sizes_in(folder) for folder in {path.parent for path in paths}}
    stored = [sizes[path.parent].get(path.name) for path in paths]
    for fault, words in ((None, "missing"), (0, "empty")):
        faulty = [path for path, size in zip(paths, stored, strict=True) if size == fault]
        if fault == 0 and may_be_empty:
            faulty = [path for path in faulty if path.suffix not in may_be_empty]
        if faulty:
            count = f"{len(faulty)} of {len(paths)} are"
            raise DataError(f"{faulty[0]}: the file is {words} ({count})")


def _sizes_in(folder: Path) -> dict[str, int]:
    """The bytes of each file in a folder, by name; none where there is no folder."""
    sizes = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # a link to nowhere
                sizes[entry.name] = entry.stat().st_size
    return sizes


def _refuse_other_list(images: Sequence[Path], listed_in: Path) -> None:
    """Raises a DataError where not a single image of a list is there."""
    folders = {image.parent for image in images}
    present = {folder: names_in(folder) for folder in folders}
    if any(image.name in present[image.parent] for image in images):
        return
    folder = min(folders)
    if not any(present.values()):
        more = "" if len(folders) == 1 else " and in others"
        raise DataError(
            f"{folder}: the folder is missing or empty; {listed_in} lists {len(images)} images in "
            f"it{more}"
        ) from None
    names = sorted(present[folder])
    example = f"{names[0]} and {len(names) - 1} others" if names else "nothing"
    raise DataError(
        f"none of the {len(images)} images that {listed_in} lists, such as {images[0].name}, is in "
        f"{folder}, which has {example}: is it the list of another dataset?"
    ) from None
