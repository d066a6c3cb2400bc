"""Text files that people and their tools write: lists, tables, labels of a line an object."""

from __future__ import annotations

import codecs
from pathlib import Path

from utils.errors import DataError
from utils.files import read_bytes

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's mark, which it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the byte order mark that a file begins with; a file without one is UTF-8."""


def read_text(path: Path, kind: str, most_bytes: int) -> str:
    """The text of a file, without a byte order mark.

    Args:
        kind: what the file should be, such as 'a list of files'.
        most_bytes: the bytes that such a file has at most.

    Raises:
        DataError: the file is missing, too large, cannot be read, or is in an encoding that it does
            not tell; names the file and its line.
    """
    stored = read_bytes(path, kind, most_bytes)
    marks = (mark for mark in _ENCODINGS if stored.startswith(mark))
    encoding = _ENCODINGS.get(next(marks, b""), "utf-8")
    try:
        text = stored.decode(encoding)
        wrong = text.find("\0")  # UTF-16 without a mark decodes as UTF-8, with these in between
    except UnicodeDecodeError as reason:
        text = stored[: reason.start].decode(encoding, errors="ignore")
        wrong = len(text)
    if wrong >= 0:
        line = text.count("\n", 0, wrong) + 1
        raise DataError(f"{path}:{line}: is not UTF-8: save it as UTF-8")
    return text
