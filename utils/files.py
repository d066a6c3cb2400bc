"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CHECKSUM = "checksum"
_HOST = re.sub(r"\W", "-", socket.gethostname())[:40]
_LEFTOVER = re.compile(r".+\.(?P<host>[\w-]+)\.(?P<process>\d+)\.tmp")


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


def remove(path: Path) -> None:
    """Removes a file, or whatever stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, work: str) -> Iterator[None]:
    """Within it, no other process is. The lock ends with the process, however that ends.

    Args:
        path: the file of the lock.
        work: what is done, for those who wait.
    """
    with open(path, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            print(f"waiting for {lock.read().strip() or 'another process'}: {work}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        lock.write(f"process {os.getpid()} on {socket.gethostname()}, since {since}")
        lock.flush()
        yield


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
