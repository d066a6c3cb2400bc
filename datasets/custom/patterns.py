"""Which files the patterns and lists of a dataset name, and which of them belong together.

Files are found by a *key*: the texts that a pattern's wildcards matched, or the line of a list. An
image and a label with the same key belong together.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Hashable
from pathlib import Path

from datasets.listing import read_lines, require_inside
from utils.errors import DataError

NO_FILE = "-"
"""In a list of labels: this image has none."""

_LIST = ".txt"
_TOKEN = re.compile(r"(?P<folders>(?<![^/])\*\*/)|(?P<text>\*+)|(?P<one>\?)|\[(?P<set>!?[^]]+)\]")
_MOST_NAMED = 3


def is_list(pattern: str) -> bool:
    """Whether it is the name of a list of files."""
    return pattern.endswith(_LIST) and not glob.has_magic(pattern)


def wildcards(pattern: str) -> int:
    """How many wildcards must match the same text: all but a `.*` at the end, which stands for any
    ending."""
    return _expression(pattern).groups


def find(folder: Path, pattern: str) -> dict[Hashable, str]:
    """The files that a pattern matches or a list names, by their keys, in order; each as it is
    called below the folder.

    Raises:
        DataError: there are none; a list cannot be read, or names a file elsewhere; two files have
            one key.
    """
    if is_list(pattern):
        lines = _lines(folder / pattern)
        files = {n: line for n, line in enumerate(lines, 1) if line != NO_FILE}
        for number, line in files.items():
            require_inside(folder, [line], f"{folder / pattern}:{number}")
        if not files:
            raise DataError(f"the list {folder / pattern} names no file")
        return files
    expression = _expression(pattern)
    result: dict[Hashable, str] = {}
    for name in sorted(glob.glob(pattern, root_dir=folder, recursive=True)):
        if not (match := expression.fullmatch(name)):
            continue
        if match.groups() in result:
            raise DataError(
                f"{result[match.groups()]} and {name} both match {pattern}, and differ in their "
                "ending alone: it cannot be told which of them is meant"
            )
        result[match.groups()] = name
    if not result:
        raise DataError(
            f"{pattern} matches no file below {folder}{_what_there_is(folder, pattern)}"
        )
    return result


def line_count(path: Path) -> int:
    """The number of files, or of `-`, in a list."""
    return len(_lines(path))


def _lines(path: Path) -> list[str]:
    """The lines of a list without blanks around them.

    Raises:
        DataError: it is missing, unreadable or empty, or a line is empty.
    """
    lines = [line.strip() for line in read_lines(path)]
    while lines and not lines[-1]:
        del lines[-1]
    if not lines:
        raise DataError(f"the list {path} is empty")
    if "" in lines:
        number = lines.index("") + 1
        raise DataError(f"{path}:{number}: the line is empty; `{NO_FILE}` says that there is none")
    return lines


def _expression(pattern: str) -> re.Pattern[str]:
    """A regular expression with a group for each wildcard.

    Raises:
        DataError: what stands in brackets cannot be understood.
    """
    any_ending = pattern.endswith(".*")
    pattern = pattern.removesuffix(".*")
    parts, end = [], 0
    for token in _TOKEN.finditer(pattern):
        parts.append(re.escape(pattern[end : token.start()]))
        end = token.end()
        if token["folders"]:
            parts.append("((?:[^/]+/)*)")
        elif token["text"]:
            parts.append("([^/]*)")
        elif token["one"]:
            parts.append("([^/])")
        else:
            chosen = re.sub(r"[\\\[&~|^]", r"\\\g<0>", token["set"])  # which mean nothing in a name
            parts.append(f"([{'^' + chosen[1:] if chosen[0] == '!' else chosen}])")
    parts.append(re.escape(pattern[end:]) + (r"\.[^./]+" if any_ending else ""))
    try:
        return re.compile("".join(parts))
    except re.error as reason:
        raise DataError(f"{pattern} is no pattern ({reason})") from None


def _what_there_is(folder: Path, pattern: str) -> str:
    """The end of an error about a pattern without files: what is at the place where it looks."""
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        if not (folder / part).is_dir():
            names = sorted(entry.name for entry in folder.iterdir())
            return f": {folder} has no folder {part}, but {_some(names)}"
        folder /= part
    names = sorted(entry.name for entry in folder.iterdir())
    return f"; {folder} holds {_some(names)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more if names else "nothing"
