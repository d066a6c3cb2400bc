"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


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
