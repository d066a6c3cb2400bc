"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

_HOST = re.sub(r"\W", "-", socket.gethostname())[:40]
_LEFTOVER = re.compile(r".+\.(?P<host>[\w-]+)\.(?P<process>\d+)\.tmp")


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A file to write to, which takes the place of `path` at the end. After an error, or when the
    process is killed on the way, `path` is what it was.

    Args:
        durable: whether the new file must outlive a machine that goes down at once.
    """
    other = path.with_name(f"{path.name}.{_HOST}.{os.getpid()}.tmp")
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


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Removes what processes of this machine, which are no more, have left half written."""
    for path in folder.glob("*.tmp"):
        name = _LEFTOVER.fullmatch(path.name)
        if name and name["host"] == _HOST and not _is_running(int(name["process"])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
