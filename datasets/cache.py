"""Images and labels kept as they are needed: decoded, and packed as the tasks say.

Each is a file of its own, which the workers map into memory: the system's page cache is what they
share. It is written whole or not at all. It holds the time and size of the file that it was made
from, and a checksum, so that it is made anew when that file changes or it is itself damaged.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.errors import DataError
from utils.files import remove_leftovers, replacing

_HEADER = struct.Struct("<8s16s8s3qQ")  # version, state of the sources, dtype, shape, checksum
_VERSION = b"kept   3"
_GIGABYTE = 2**30
_NO_ROOM = "there is less than a gigabyte left"
_MOST_MAPPED = 40_000  # of the 65,530 maps that the system allows a process


class Cache:
    """Arrays made from files.

    Args:
        folder: where they are kept. With less than a gigabyte left on its disk, the cache stops
            growing, and says so once.
    """

    def __init__(self, folder: Path):
        self._folder, self._full = folder, False
        # What is mapped stays so, as far as may be: to map a file takes longer than to read it.
        self._mapped: dict[tuple[tuple[Path, ...], str], tuple[tuple, np.ndarray]] = {}
        self._most_mapped = min(_MOST_MAPPED, _most_open_files() // 2)  # a map keeps its file open
        self._told.unlink(missing_ok=True)

    def get(
        self, sources: tuple[Path, ...], key: str, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """What `make` gives, as it was kept for these files, if none has changed since. It is not
        to be written to.

        Args:
            key: tells apart what is made of the same files.

        Raises:
            DataError: of `make`; nothing is kept then.
        """
        kept = self.find(sources, key)
        if kept is not None:
            return kept
        try:
            stamp = _VERSION, _state(sources)
        except OSError:
            return make()  # which says what is wrong
        made = make()
        self._keep(self._place(sources, key), stamp, made)
        return made

    def find(self, sources: tuple[Path, ...], key: str) -> np.ndarray | None:
        """What is kept for these files, if none has changed since; None where there is nothing, or
        it is damaged. It is not to be written to."""
        try:
            stamp = _VERSION, _state(sources)
        except OSError:
            return None
        made, kept = self._mapped.get((sources, key), (None, None))
        if made == stamp:
            return kept
        kept = _load(self._place(sources, key), stamp)
        if kept is not None and len(self._mapped) < self._most_mapped:
            self._mapped[sources, key] = stamp, kept
        return kept

    def put(self, sources: tuple[Path, ...], key: str, array: np.ndarray) -> None:
        """Keeps an array that cannot be made again when it is needed.

        Raises:
            OSError: it cannot be written.
            DataError: less than a gigabyte would be left on the disk.
        """
        if not self._has_room(array):
            raise DataError(f"{self._folder}: {_NO_ROOM} on its disk; make room")
        self._write(self._place(sources, key), (_VERSION, _state(sources)), array)

    def __getstate__(self) -> dict:
        """For a worker, which maps for itself what it reads."""
        return self.__dict__ | {"_mapped": {}}

    def _place(self, sources: tuple[Path, ...], key: str) -> Path:
        name = f"{os.path.abspath(sources[0])}\0{key}".encode()
        return self._folder / hashlib.blake2b(name, digest_size=20).hexdigest()

    def _has_room(self, array: np.ndarray) -> bool:
        return shutil.disk_usage(self._folder).free - array.nbytes >= _GIGABYTE

    def _keep(self, place: Path, stamp: tuple[bytes, bytes], array: np.ndarray) -> None:
        try:
            if self._full or not self._has_room(array):
                return self._stop(_NO_ROOM)
            self._write(place, stamp, array)
        except OSError as reason:
            self._stop(str(reason))

    def _write(self, place: Path, stamp: tuple[bytes, bytes], array: np.ndarray) -> None:
        shape = (*array.shape, *[-1] * (3 - array.ndim))
        with replacing(place, durable=False) as temporary, open(temporary, "wb") as file:
            content = np.ascontiguousarray(array)
            fields = *stamp, array.dtype.str.encode(), *shape
            file.write(_HEADER.pack(*fields, _checksum(fields, content)))
            file.write(content.data)

    def _stop(self, reason: str) -> None:
        """Keeps no more; the first process of all that share the folder says so."""
        if self._full:
            return
        self._full = True
        try:
            self._told.touch(exist_ok=False)
        except OSError:
            return
        print(f"{self._folder}: the cache stops growing: {reason}", file=sys.stderr, flush=True)

    @property
    def _told(self) -> Path:
        return self._folder / "full"


def open_cache(kind: str, runs: Path) -> Cache | None:
    """The cache that the option `cache` names: none, or disk (the folder `cache` in `runs`).

    Raises:
        DataError: the folder cannot be made.
    """
    if kind == "none":
        return None
    folder = runs / "cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
    except OSError as reason:
        raise DataError(f"{folder}: the cache cannot be written ({reason})") from None
    return Cache(folder)


def _most_open_files() -> int:
    try:
        import resource  # not everywhere
    except ImportError:
        return 0
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_MAPPED if limit == resource.RLIM_INFINITY else limit


def _state(sources: tuple[Path, ...]) -> bytes:
    """16 bytes that tell the times and sizes of the files from any others."""
    digest = hashlib.blake2b(digest_size=16)
    for source in sources:
        result = os.stat(source)
        digest.update(struct.pack("<qq", result.st_mtime_ns, result.st_size))
    return digest.digest()


def _load(place: Path, stamp: tuple[bytes, bytes]) -> np.ndarray | None:
    """What is kept there, if it was made from files with this stamp."""
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except OSError:
        return None
    try:
        kept = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
        *fields, checksum = _HEADER.unpack_from(kept)
        version, state, dtype, *shape = fields
        if (version, state) != stamp:
            return None
        shape = [length for length in shape if length >= 0]
        array = np.ndarray(shape, dtype.rstrip(b"\0").decode(), kept, _HEADER.size)
        return array if _checksum(fields, array) == checksum else None
    except (OSError, ValueError, struct.error, TypeError):  # not a file of ours
        return None
    finally:
        os.close(descriptor)


def _checksum(fields: Sequence[bytes | int], array: np.ndarray) -> int:
    """The sum of what is stored as 64-bit numbers, which every bit that flips changes, and which is
    many times faster than a CRC."""
    stored = array.reshape(-1).view(np.uint8)
    whole = stored.size // 8 * 8
    header = _HEADER.pack(*fields, 0)
    total = sum(struct.unpack(f"<{len(header) // 8}Q", header))
    total += int(stored[:whole].view(np.uint64).sum(dtype=np.uint64)) + int(stored[whole:].sum())
    return total % 2**64
