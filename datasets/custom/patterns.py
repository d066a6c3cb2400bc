"""Which files the patterns of a dataset match, and which of them belong together.

Files are found by a *key*: the texts that a pattern's wildcards matched. An image and a label with
the same key belong together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from unicodedata import normalize

from utils.errors import DataError

Names = Mapping[Hashable, str]
"""Files below the dataset's folder by their keys: what wildcards matched, or the row of a list."""

_TOKEN = re.compile(
    r"\[(?P<escaped>[\[*?])\]|(?P<text>\*+)|(?P<one>\?)|\[(?P<set>!?[^]]+)\]"
)  # [[], [*] and [?] stand for the sign itself
_FOLDERS = "**"
_ANY_ENDING = ".*"
_MOST_NAMED = 3


def has_wildcards(pattern: str) -> bool:
    """Whether it is a pattern, not the name of one file."""
    return any(token["escaped"] is None for token in _TOKEN.finditer(pattern))


def literal(pattern: str) -> str:
    """The name that a pattern without wildcards stands for: its escapes are undone."""
    return _TOKEN.sub(lambda token: token["escaped"] or token[0], pattern)


def composed(name: str) -> str:
    """A name in Unicode's composed form. The disks of macOS hold accents as characters of their
    own, and files that are copied from there keep them so."""
    return name if name.isascii() else normalize("NFC", name)


def wildcards(pattern: str) -> int:
    """How many wildcards must match the same text: all but a `.*` at the end, which stands for any
    ending.

    Raises:
        DataError: what stands in brackets cannot be understood.
    """
    return _expression(pattern).groups


def matches(folder: Path, pattern: str) -> dict[Hashable, str]:
    """The files that a pattern matches, by their keys, in order; each as it is called below the
    folder. Names are compared in Unicode's composed form, suffixes in lower case.

    Raises:
        DataError: there are none, or two files have one key.
    """
    expression = _expression(pattern)
    result: dict[Hashable, str] = {}
    for name in sorted(_candidates(folder, pattern)):
        if not (match := expression.fullmatch(composed(name))):
            continue
        if match.groups() in result:
            raise DataError(
                f"{result[match.groups()]} and {name} both match {pattern}, and its wildcards "
                "stand for the same text in both: it cannot be told which of them is meant"
            )
        result[match.groups()] = name
    if not result:
        raise DataError(
            f"{pattern} matches no file below {folder}{_what_there_is(folder, pattern)}"
        )
    return result


def _candidates(folder: Path, pattern: str) -> set[str]:
    """The names of the files that match a pattern part by part."""
    beginning = "/" if pattern.startswith("/") else ""
    parts = tuple(part for part in composed(pattern).split("/") if part)
    return set(_below(str(folder), beginning, parts)) if parts else set()


def _below(folder: str, place: str, parts: tuple[str, ...]) -> Iterator[str]:
    """The files below `place`, a folder's name with a slash, whose further names match `parts`."""
    part, rest = parts[0], parts[1:]
    if part == _FOLDERS and rest:
        yield from _below(folder, place, rest)
        for name in _entries(folder, place, "*", is_folder=True):
            yield from _below(folder, f"{place}{name}/", parts)
        return
    for name in _entries(folder, place, part, is_folder=bool(rest)):
        if rest:
            yield from _below(folder, f"{place}{name}/", rest)
        else:
            yield place + name


def _entries(folder: str, place: str, part: str, is_folder: bool) -> Iterator[str]:
    """The files or folders in a folder that match a part of a pattern. Wildcards do not stand for
    the dot of a hidden one."""
    if not has_wildcards(part) and os.path.lexists(os.path.join(folder, place, literal(part))):
        yield literal(part)
        return
    fits = re.compile(_part_expression(part, is_last=not is_folder)).fullmatch
    shows_hidden = part.startswith(".")
    try:
        entries = os.scandir(os.path.join(folder, place))
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.name.startswith(".") and not shows_hidden:
                continue
            if fits(composed(entry.name)) and entry.is_dir() == is_folder:
                yield entry.name


def _expression(pattern: str) -> re.Pattern[str]:
    """A regular expression of whole names with a group for each wildcard.

    Raises:
        DataError: what stands in brackets cannot be understood.
    """
    *folders, last = composed(pattern).split("/")
    parts = [
        "((?:[^/]+/)*)" if part == _FOLDERS else _part_expression(part, is_last=False) + "/"
        for part in folders
    ]
    try:
        return re.compile("".join(parts) + _part_expression(last, is_last=True))
    except re.error as reason:
        raise DataError(f"{pattern} is no pattern ({reason})") from None


def _part_expression(part: str, is_last: bool) -> str:
    """A regular expression of the names of folders or, where it is the last part, of files."""
    any_ending = is_last and part.endswith(_ANY_ENDING)
    part = part.removesuffix(_ANY_ENDING) if any_ending else part
    expressions, end = [], 0
    for token in _TOKEN.finditer(part):
        expressions.append(re.escape(part[end : token.start()]))
        expressions.append(_token_expression(token))
        end = token.end()
    stem, dot, suffix = part[end:].rpartition(".")
    if is_last and dot:
        expressions.append(rf"{re.escape(stem)}(?i:\.{re.escape(suffix)})")
    else:
        expressions.append(re.escape(part[end:]))
    return "".join(expressions) + (r"\.[^./]+" if any_ending else "")


def _token_expression(token: re.Match[str]) -> str:
    if token["escaped"]:
        return re.escape(token["escaped"])
    if token["text"]:
        return "([^/]*)"
    if token["one"]:
        return "([^/])"
    chosen = re.sub(r"[\\\[&~|^]", r"\\\g<0>", token["set"])  # which mean nothing in a name
    return f"([{'^' + chosen[1:] if chosen[0] == '!' else chosen}])"


def _what_there_is(folder: Path, pattern: str) -> str:
    """The end of an error about a pattern without files: what is at the place where it looks."""
    escaped = re.sub(r"\[(?![\[*?]\])", "[[]", pattern)
    if escaped != pattern and _candidates(folder, escaped):
        return f"; names with brackets are there: `{escaped}`, as [[] stands for the sign ["
    for part in pattern.split("/")[:-1]:
        if has_wildcards(part):
            break
        if not (folder / literal(part)).is_dir():
            names = sorted(entry.name for entry in folder.iterdir())
            return f": {folder} has no folder {literal(part)}, but {_some(names)}"
        folder /= literal(part)
    names = sorted(entry.name for entry in folder.iterdir())
    return f"; {folder} holds {_some(names)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more if names else "nothing"
