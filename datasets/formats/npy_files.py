"""Arrays as numpy stores them: one in an .npy, several with names in an .npz."""

from __future__ import annotations

import functools
import io
import mmap
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.formats.decoding import BUDGET, check_budget, decoding
from utils.errors import DataError
from utils.files import read_bytes

_BYTES_OF_A_NUMBER = 4  # of the float32 that most arrays become
_LONGEST_HEADER = 2**14  # numpy itself takes 10,000 bytes at most


@dataclass(frozen=True, slots=True)
class ArrayHead:
    """Shape and type of an array, and how its numbers lie.

    Attributes:
        by_columns: whether the first index runs fastest.
        start: the place of the first number in the file.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool
    start: int


def read_npy(path: Path) -> np.ndarray:
    """The numbers, or truth values, of an .npy file; pickled objects, which could run code, are
    refused.

    They are mapped into memory, which reads only what is used and copies nothing; changing them
    does not change the file.

    Raises:
        DataError: the file is missing, damaged, or holds no numbers.
    """
    with decoding(path, "a numpy array"):
        with path.open("rb", buffering=0) as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        head = _head(mapped)
        _require_numbers(head, path)
        return _array(mapped, head)


def read_npz(path: Path, key: str | None = None, key_option: str = "") -> np.ndarray:
    """The numbers of an array in an .npz file.

    Args:
        key: the name of the array; None where the file holds one alone.
        key_option: the key of a cfg that gives `key`, for errors; none where there is no such key.

    Raises:
        DataError: as :func:`read_npy`; or it is not clear which array is meant.
    """
    with _opened(path) as archive:
        member = _member(archive, key, key_option, path)
        with decoding(path, "an .npz"), archive.open(member) as file:
            head = _head(file.read(_LONGEST_HEADER))
        _require_numbers(head, path)
        with decoding(path, "an .npz"):
            return _array(bytearray(archive.read(member)), head)


def npy_head(path: Path) -> ArrayHead:
    """Shape and type of the numbers of an .npy file.

    Raises:
        DataError: as :func:`read_npy`.
    """
    with decoding(path, "a numpy array"), path.open("rb") as file:
        head = _head(file.read(_LONGEST_HEADER))
    _require_numbers(head, path)
    return head


def npz_head(path: Path, key: str | None, key_option: str) -> ArrayHead:
    """Shape and type of the numbers of an array in an .npz file.

    Raises:
        DataError: as :func:`read_npz`.
    """
    with _opened(path) as archive:
        member = _member(archive, key, key_option, path)
        with decoding(path, "an .npz"), archive.open(member) as file:
            head = _head(file.read(_LONGEST_HEADER))
    _require_numbers(head, path)
    return head


def _opened(path: Path) -> zipfile.ZipFile:
    stored = read_bytes(path, "an .npz", BUDGET)
    with decoding(path, "an .npz"):
        return zipfile.ZipFile(io.BytesIO(stored))


def _member(archive: zipfile.ZipFile, key: str | None, key_option: str, path: Path) -> str:
    """The name of the file in an .npz that holds the array."""
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if key is None and len(names) == 1:
        key = names[0]
    if key not in names:
        remedy = f"`{key_option} = …` names the one to read" if key_option else "one is wanted"
        raise DataError(f"{path}: holds the arrays {', '.join(names) or '(none)'}; {remedy}")
    member = archive.namelist()[names.index(key)]
    check_budget((archive.getinfo(member).file_size,), 1, path)
    return member


def _head(stored: bytes | mmap.mmap) -> ArrayHead:
    """The head of an array, of the bytes that its file begins with."""
    prefix = 10 if stored[6:7] == b"\1" else 12  # the length of the header takes 2 bytes, or 4
    start = prefix + int.from_bytes(stored[8:prefix], "little")
    if start > _LONGEST_HEADER:
        raise ValueError(f"its header has {start:,} bytes, which that of numbers never has")
    return _parsed(stored[:start])


@functools.lru_cache(maxsize=64)
def _parsed(header: bytes) -> ArrayHead:
    """The files of a dataset mostly have the same header, and numpy takes longer to understand it
    than to read an array."""
    file = io.BytesIO(header)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"it is of version {version[0]}, which is for records with names")
    return ArrayHead(shape, dtype, by_columns, len(header))


def _array(stored: mmap.mmap | bytearray, head: ArrayHead) -> np.ndarray:
    order = "F" if head.by_columns else "C"
    return np.ndarray(head.shape, head.dtype, stored, head.start, order=order)


def _require_numbers(head: ArrayHead, path: Path) -> None:
    if head.dtype.hasobject:
        raise DataError(f"{path}: holds pickled objects, which could run code, not numbers")
    if head.dtype.names:
        raise DataError(f"{path}: holds records ({', '.join(head.dtype.names)}), not numbers")
    if head.dtype.kind not in "fiub" or 0 in head.shape:
        raise DataError(f"{path}: is not an array of numbers")
    check_budget(head.shape, head.dtype.itemsize + _BYTES_OF_A_NUMBER, path)
