"""Files that are read or written whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.errors import DataError

_CHECKSUM = "checksum"
_HOST = re.sub(r"\W", "-", socket.gethostname())[:40]
_LEFTOVER = re.compile(r".+\.(?P<host>[\w-]+)\.(?P<process>\d+)\.tmp")


def read_bytes(path: Path, kind: str, most: int) -> bytes:
    """The contents of a file of data.

    Args:
        kind: what it should be, such as 'an image'.
        most: the bytes that such a file has at most.

    Raises:
        DataError: the file is missing, too large, or cannot be read.
    """
    fault = f"{path}: cannot be read as {kind}"
    try:
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode):
            raise DataError(f"{fault} (it is a directory, a device or a pipe)")
        if state.st_size > most:
            raise DataError(f"{fault} (it has {state.st_size:,} bytes, more than {most:,})")
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: the file is missing") from None
    except OSError as reason:
        raise DataError(f"{fault} ({reason.strerror})") from None


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A file to write to, which takes the place of `path` at the end. After an error, or when the
    process is killed on the way, `path` is what it was.

    Args:
        durable: whether the new file must outlive a machine that goes down at once.
    """
    other = temporary_place(path)
    try:
        yield other
        if durable:
            sync(other)
        os.replace(other, path)
        if durable:
            sync(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        other.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON with a checksum of its own, whole or not at all."""
    write_text(path, json.dumps(content | {_CHECKSUM: _digest(content)}, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Reads what :func:`write_json` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is damaged, or another program wrote it.
    """
    try:
        content = json.loads(path.read_text())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict) or content.pop(_CHECKSUM, None) != _digest(content):
        raise ValueError("its checksum is wrong")
    return content


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_place(path: Path) -> Path:
    """A place beside `path` that is this process's alone."""
    return path.with_name(f"{path.name}.{_HOST}.{os.getpid()}.tmp")


def remove_leftovers(folder: Path) -> None:
    """Removes what processes of this machine, which are no more, have left half written."""
    for path in folder.glob("*.tmp"):
        name = _LEFTOVER.fullmatch(path.name)
        if name and name["host"] == _HOST and not _is_running(int(name["process"])):
            remove(path)


def copy(path: Path, other: Path) -> None:
    """Copies a file whole or not at all, in the place of whatever stands there."""
    make_way(other)
    with replacing(other) as temporary:
        shutil.copyfile(path, temporary)


def make_way(path: Path) -> None:
    """Removes a folder that stands where a file of the program belongs."""
    if path.is_dir():
        remove(path)


def remove(path: Path) -> None:
    """Removes a file, or whatever stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
