"""The colours of classes, from the words of a cfg or from a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.formats.text_files import read_text
from utils.errors import DataError
from utils.option import nearest

Colour = tuple[int, int, int]
"""Red, green, blue: 0 to 255."""

_MOST_BYTES = 2**20
_COLOUR = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3})")
_ROW = re.compile(
    r"(?P<name>.+?)[\s,;:]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?:\s*:.*)?"  # CVAT's parts
)
_HEADER = re.compile(r"\W*\w+\W+r(ed)?\W+g(reen)?\W+b(lue)?\W*", re.IGNORECASE)


class ColourTable(NamedTuple):
    """The colours that a mask may have.

    Attributes:
        classes: of each class, in their order.
        others: the colours that are void, by the name that each has.
    """

    classes: tuple[Colour, ...]
    others: dict[str, Colour]


def table_of_words(words: Sequence[str], classes: Sequence[str]) -> ColourTable:
    """The table that a cfg states: a word 'r,g,b' for each class.

    Raises:
        DataError: they are no colours, or not one a class.
    """
    if len(words) != len(classes):
        raise DataError(
            f"{len(words)} colours for {len(classes)} classes: a colour r,g,b for each, or the "
            "name of a file with a line `name r g b` for each"
        )
    colours = []
    for word in words:
        match = _COLOUR.fullmatch(word)
        if not match or not (colour := _colour(match.groups())):
            raise DataError(f"'{word}' is no colour: write r,g,b, each from 0 to 255")
        colours.append(colour)
    named = list(zip(classes, colours, strict=True))
    for place, (name, colour) in enumerate(named):
        _require_new(colour, name, named[:place])
    return ColourTable(tuple(colours), {})


def table_in_file(path: Path, classes: tuple[str, ...]) -> ColourTable:
    """The table in a file with a line a class: `name r g b`; `name,r,g,b` below a header, as
    CamVid's; or `name:r,g,b::`, as CVAT's. Lines that begin with # do not count.

    Raises:
        DataError: the file is missing, a line is none of these, a class has no line, or two have
            one colour; names the file and the line.
    """
    colours: dict[str, Colour] = {}
    lines = read_text(path, "a table of colours", _MOST_BYTES).splitlines()
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if not line or line.startswith("#") or (not colours and _HEADER.fullmatch(line)):
            continue
        match = _ROW.fullmatch(line)
        if not match or not (colour := _colour(match.groups()[1:])):
            raise DataError(f"{path}:{number}: is {line!r}, a line says `name r g b`, 0 to 255")
        name = match["name"].strip("\"' ")
        if name in colours:
            raise DataError(f"{path}:{number}: names '{name}' a second time")
        colours[name] = colour
    for name in classes:
        if name not in colours:
            raise DataError(f"{path}: has no line for the class '{name}'{nearest(name, colours)}")
    return _by_class(colours, classes, path)


def _by_class(colours: dict[str, Colour], classes: Sequence[str], path: Path) -> ColourTable:
    others = {name: colour for name, colour in colours.items() if name not in classes}
    named = [(name, colours[name]) for name in classes]
    try:
        for place, (name, colour) in enumerate([*named, *others.items()]):
            _require_new(colour, name, named[:place])
    except DataError as reason:
        raise DataError(f"{path}: {reason}") from None
    return ColourTable(tuple(colour for _, colour in named), others)


def _require_new(colour: Colour, name: str, named: Sequence[tuple[str, Colour]]) -> None:
    for other, known in named:
        if known == colour:
            raise DataError(f"'{other}' and '{name}' have one colour, {format_colour(colour)}")


def format_colour(colour: Sequence[int]) -> str:
    """The colour as a cfg has it: 'r,g,b'."""
    return ",".join(map(str, colour))


def _colour(digits: Sequence[str]) -> Colour | None:
    red, green, blue = map(int, digits)
    return (red, green, blue) if max(red, green, blue) < 256 else None
