"""Files that are read or written whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from utils.errors import DataError


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
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place at the end. After an error, or when
    the process is killed on the way, `path` is what it was."""
    other = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield other
        os.replace(other, path)
    finally:
        other.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)
