"""Reads a matrix of numbers from a .mat of version 5, Matlab's since 1996 (MAT-File Format,
MathWorks). On damaged files scipy's reader crashes, and the process with it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice

import numpy as np

_HEADER = 128
_MATRIX, _PACKED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_TYPES |= {13: "u8"}
"""How the numbers of a matrix may be stored, whatever its class."""
_NUMERIC = range(6, 16)  # the classes from double to uint64
_COMPLEX = 1 << 11
_MOST_BYTES = 2**24  # of an element once it is unpacked


def read_matrix(stored: bytes, name: str) -> np.ndarray | None:
    """The matrix of that name; None where there is none.

    Raises:
        ValueError: the file is damaged, or holds something else under that name.
    """
    order = {b"IM": "<", b"MI": ">"}.get(stored[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("it is not of version 5")
    for kind, content in _elements(stored[_HEADER:], order):
        if kind == _PACKED:
            kind, content = next(_elements(_unpacked(content), order), (None, b""))
        if kind != _MATRIX:
            continue
        parts = list(islice(_elements(content, order), 4))
        if parts[2:] and parts[2][1] == name.encode():
            return _matrix(name, order, *parts)
    return None


def _matrix(name: str, order: str, flags, shape, _, *numbers) -> np.ndarray:
    """The matrix of the elements that it consists of, each its type and its content."""
    (word,) = struct.unpack_from(f"{order}I", flags[1].ljust(4, b"\0"))
    sides = np.frombuffer(shape[1], f"{order}i4")
    is_real = word & 0xFF in _NUMERIC and not word & _COMPLEX
    if not is_real or not numbers or numbers[0][0] not in _TYPES or sides.min(initial=1) < 1:
        raise ValueError(f"{name} is no map of numbers")
    kind, content = numbers[0]
    return np.frombuffer(content, order + _TYPES[kind]).reshape(sides, order="F")


def _elements(stored: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The type and the content of each data element."""
    place = 0
    while place + 8 <= len(stored):
        kind, size = struct.unpack_from(f"{order}II", stored, place)
        start, end = place + 8, place + 8 + size
        if kind >> 16:  # a small one: the size stands before the type, and the content behind it
            kind, size = kind & 0xFFFF, kind >> 16
            start, end = place + 4, place + 4 + size
        if end > len(stored) or (start == place + 4 and size > 4):
            raise ValueError("a part of it is missing")
        yield kind, stored[start:end]
        place = end if kind == _PACKED else end + -end % 8


def _unpacked(content: bytes) -> bytes:
    try:
        result = zlib.decompressobj().decompress(content, _MOST_BYTES + 1)
    except zlib.error as reason:
        raise ValueError(str(reason)) from None
    if len(result) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
    return result
