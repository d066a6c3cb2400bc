"""Images and labels kept as they are needed: decoded, and packed as the tasks say.

Each is a file of its own, which the workers map into memory: the system's page cache is what they
share. It is written whole or not at all, and holds the time and size of the file that it was made
from, so that it is made anew when that changes.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import mmap
import os
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from utils.errors import ConfigError, DataError
from utils.files import replacing

_HEADER = struct.Struct("<8s16s8s3q")  # version, state of the sources, dtype, shape
_VERSION = b"kept   2"
_GIGABYTE = 2**30
_MOST_MAPPED = 40_000  # of the 65,530 maps that the system allows a process
_MEMORY = Path("/dev/shm")
_PREFIX = "train_test-cache-"


class Cache:
    """Arrays made from files.

    Args:
        folder: where they are kept.
        spare: how many bytes there are to write to. Below a gigabyte the cache stops growing, and
            says so once.
    """

    def __init__(self, folder: Path, spare: Callable[[Path], int]):
        self._folder, self._spare, self._full = folder, spare, False
        # What is mapped stays so, as far as may be: to map a file takes longer than to read it.
        self._mapped: dict[tuple[tuple[Path, ...], str], tuple[tuple, np.ndarray]] = {}
        self._most_mapped = min(_MOST_MAPPED, _most_open_files() // 2)  # a map keeps its file open
        self._told.unlink(missing_ok=True)

    def get(
        self, sources: tuple[Path, ...], what: str, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """What `make` gives, as it was kept for these files, if none has changed since. It is not
        to be written to.

        Args:
            what: names what is made of the files, and all else that it depends on.

        Raises:
            DataError: of `make`; nothing is kept then.
        """
        try:
            stamp = _VERSION, _state(sources)
        except OSError:
            return make()  # which says what is wrong
        made, kept = self._mapped.get((sources, what), (None, None))
        if made == stamp:
            return kept
        name = f"{os.path.abspath(sources[0])}\0{what}".encode()
        place = self._folder / hashlib.blake2b(name, digest_size=20).hexdigest()
        kept = _load(place, stamp)
        if kept is None:
            kept = make()
            self._keep(place, stamp, kept)
        elif len(self._mapped) < self._most_mapped:
            self._mapped[sources, what] = stamp, kept
        return kept

    def __getstate__(self) -> dict:
        """For a worker, which maps for itself what it reads."""
        return self.__dict__ | {"_mapped": {}}

    def _keep(self, place: Path, stamp: tuple[bytes, bytes], array: np.ndarray) -> None:
        if self._full or self._spare(self._folder) - array.nbytes < _GIGABYTE:
            return self._stop("there is less than a gigabyte left")
        shape = (*array.shape, *[-1] * (3 - array.ndim))
        try:
            with replacing(place) as beside, open(beside, "wb") as file:
                file.write(_HEADER.pack(*stamp, array.dtype.str.encode(), *shape))
                file.write(np.ascontiguousarray(array).data)
        except OSError as reason:
            self._stop(str(reason))

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


def open_cache(kind: str, below: Path) -> Cache | None:
    """The cache that the option `cache` names: none, ram, or disk (a folder in `below`).

    Raises:
        ConfigError: there is no memory that can be shared.
        DataError: the folder cannot be made.
    """
    if kind == "none":
        return None
    if kind == "ram":
        return _in_memory()
    folder = below / "cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise DataError(f"{folder}: the cache cannot be written ({reason})") from None
    return Cache(folder, _spare_disk)


@functools.cache
def _in_memory() -> Cache:
    """The one cache in memory of this process and its workers. It is a folder of a file system that
    lies in memory, and goes with the process; what a killed process left is removed here."""
    if not _MEMORY.is_dir():
        raise ConfigError(f"cache = ram needs {_MEMORY}, which is not there; use cache = disk")
    for folder in _MEMORY.glob(f"{_PREFIX}*"):
        _remove_if_left(folder)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_MEMORY))
    _lock(folder / "owner")
    atexit.register(_remove_own, folder, os.getpid())
    return Cache(folder, _spare_memory)


def _lock(file: Path) -> bool:
    """Locks a file for as long as this process or a worker of it lives; whether that could be."""
    import fcntl  # there wherever /dev/shm is

    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    return True


def _remove_if_left(folder: Path) -> None:
    try:
        newborn = time.time() - folder.stat().st_mtime < 60 and not (folder / "owner").exists()
        if not newborn and _lock(folder / "owner"):
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # another user's, or just gone


def _remove_own(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a worker
        shutil.rmtree(folder, ignore_errors=True)


def _most_open_files() -> int:
    try:
        import resource  # not everywhere
    except ImportError:
        return 0
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_MAPPED if limit == resource.RLIM_INFINITY else limit


def _spare_disk(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _spare_memory(folder: Path) -> int:
    """The least of what the file system, the machine and the container have left, less a tenth of
    the machine's memory, which the training may still want."""
    limits = [shutil.disk_usage(folder).free]
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, kilobytes = line.split()[:2]
        if name == "MemTotal:":
            reserve = int(kilobytes) * 1024 // 10
        if name == "MemAvailable:":
            limits.append(int(kilobytes) * 1024)
    group = Path("/sys/fs/cgroup")
    try:
        most, used = ((group / f"memory.{name}").read_text() for name in ("max", "current"))
        limits.append(int(most) - int(used))
    except (OSError, ValueError):
        pass  # no container, or one without a limit
    return min(limits) - reserve


def _state(sources: tuple[Path, ...]) -> bytes:
    """16 bytes that tell the times and sizes of the files from any others."""
    digest = hashlib.blake2b(digest_size=16)
    for source in sources:
        found = os.stat(source)
        digest.update(struct.pack("<qq", found.st_mtime_ns, found.st_size))
    return digest.digest()


def _load(place: Path, stamp: tuple[bytes, bytes]) -> np.ndarray | None:
    """What is kept there, if it was made from files with this stamp."""
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except OSError:
        return None
    try:
        kept = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
        version, state, dtype, *shape = _HEADER.unpack_from(kept)
        if (version, state) != stamp:
            return None
        shape = [length for length in shape if length >= 0]
        return np.ndarray(shape, dtype.rstrip(b"\0").decode(), kept, _HEADER.size)
    except (OSError, ValueError, struct.error, TypeError):  # not a file of ours
        return None
    finally:
        os.close(descriptor)
