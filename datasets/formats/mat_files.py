"""Reads a matrix of numbers, or structs, from a .mat of version 5, Matlab's since 1996 (MAT-File
Format, MathWorks). On damaged files scipy's reader crashes, and the process with it."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

_HEADER = 128
_MATRIX, _PACKED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_TYPES |= {13: "u8"}
"""How the numbers of a matrix may be stored, whatever its class."""
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""How the letters of a text may be stored."""
_STRUCT, _TEXT = 2, 4
_NUMERIC = range(6, 16)  # the classes from double to uint64
_COMPLEX = 1 << 11
_MOST_BYTES = 2**24  # of a matrix once it is unpacked
_MOST_BYTES_OF_STRUCTS = 2**28
_DEEPEST = 8  # structs within structs

Structs = list[dict[str, Any]]
"""The elements of an array of structs, each its values by field: an array of numbers, a text,
structs, or None for what is of another class."""


def read_matrix(stored: bytes, name: str) -> np.ndarray | None:
    """The matrix of that name; None where there is none.

    Raises:
        ValueError: the file is damaged, or holds something else under that name.
    """
    found = _find(stored, name, _MOST_BYTES)
    if found is None:
        return None
    matrix = _value(found)
    if not isinstance(matrix, np.ndarray) or not matrix.size:
        raise ValueError(f"{name} is no map of numbers")
    return matrix


def read_structs(stored: bytes, name: str) -> Structs | None:
    """The array of structs of that name; None where there is none.

    Raises:
        ValueError: the file is damaged, or holds something else under that name.
    """
    found = _find(stored, name, _MOST_BYTES_OF_STRUCTS)
    if found is None:
        return None
    structs = _value(found)
    if not isinstance(structs, list):
        raise ValueError(f"{name} is no struct")
    return structs


class _Variable(NamedTuple):
    """A variable whose head was read.

    Attributes:
        number: of its class; -1 for complex numbers, which are of no use here.
        sides: its shape.
        elements: those that follow the head, each its type and its content.
        order: of the bytes of a number, '<' or '>'.
    """

    name: str
    number: int
    sides: list[int]
    elements: Iterator[tuple[int, memoryview]]
    order: str


def _find(stored: bytes, name: str, most_bytes: int) -> _Variable | None:
    """The variable of that name; None where there is none."""
    order = {b"IM": "<", b"MI": ">"}.get(stored[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("it is not of version 5")
    for kind, content in _elements(memoryview(stored)[_HEADER:], order):
        if kind == _PACKED:
            unpacked = memoryview(_unpacked(content, most_bytes))
            kind, content = next(_elements(unpacked, order), (None, unpacked))
        if kind != _MATRIX:
            continue
        variable = _variable(content, order)
        if variable is not None and variable.name == name:
            return variable
    return None


def _variable(content: memoryview, order: str) -> _Variable | None:
    """The head of a variable; None of one that is empty without saying what it is."""
    elements = _elements(content, order)
    head = [bytes(part) for _, part in islice(elements, 3)]
    if len(head) < 3:
        return None
    flags, shape, name = head
    (word,) = struct.unpack_from(f"{order}I", flags.ljust(4, b"\0"))
    sides = np.frombuffer(shape, f"{order}i4").tolist()
    if not sides or min(sides) < 0:
        raise ValueError("it has an array of no shape")
    number = -1 if word & _COMPLEX else word & 0xFF
    return _Variable(name.decode("latin-1"), number, sides, elements, order)


def _value(variable: _Variable, depth: int = 0) -> Any:
    """The value of a variable as :data:`Structs` has it."""
    if variable.number in _NUMERIC:
        return _numbers(variable)
    if variable.number == _TEXT:
        return _text(variable)
    if variable.number == _STRUCT and depth < _DEEPEST:
        return _structs(variable, depth)
    return None


def _numbers(variable: _Variable) -> np.ndarray:
    if not math.prod(variable.sides):
        return np.zeros(variable.sides)
    kind, content = next(variable.elements, (None, b""))
    if kind not in _TYPES:
        raise ValueError(f"{variable.name or 'an array'} is no map of numbers")
    numbers = np.frombuffer(content, variable.order + _TYPES[kind])
    return numbers.reshape(variable.sides, order="F")


def _text(variable: _Variable) -> str:
    kind, content = next(variable.elements, (1, b""))
    codec = _TEXTS.get(kind, "latin-1")
    if codec in ("utf-16", "utf-32"):
        codec += "-le" if variable.order == "<" else "-be"
    return bytes(content).decode(codec)


def _structs(variable: _Variable, depth: int) -> Structs:
    """Their fields stand in turn: all of the first struct, then all of the second."""
    (_, width), (_, names) = _next(variable), _next(variable)
    letters = int.from_bytes(width, "little" if variable.order == "<" else "big")
    starts = range(0, len(names), letters) if letters else ()
    fields = [bytes(names[k : k + letters]).split(b"\0")[0].decode("latin-1") for k in starts]
    count = math.prod(variable.sides) if fields else 0
    return [{field: _field(variable, depth) for field in fields} for _ in range(count)]


def _field(variable: _Variable, depth: int) -> Any:
    kind, content = _next(variable)
    value = _variable(content, variable.order) if kind == _MATRIX else None
    return None if value is None else _value(value, depth + 1)


def _next(variable: _Variable) -> tuple[int, memoryview]:
    try:
        return next(variable.elements)
    except StopIteration:
        raise ValueError("a part of it is missing") from None


def _elements(stored: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
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


def _unpacked(content: memoryview, most_bytes: int) -> bytes:
    try:
        result = zlib.decompressobj().decompress(content, most_bytes + 1)
    except zlib.error as reason:
        raise ValueError(str(reason)) from None
    if len(result) > most_bytes:
        raise ValueError(f"it has more than {most_bytes:,} bytes")
    return result
