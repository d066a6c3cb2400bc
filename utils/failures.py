"""The last word on an error that nobody thought of, and on a disk or a memory that is full."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from pathlib import Path

from utils.errors import one_line

RESOURCE, FAULT = 1, 70
"""Exit statuses: the disk, the memory or another resource failed; a fault of this program."""


def report(error: Exception, debug: bool) -> int:
    """Says in one line what failed; returns the exit status.

    Args:
        debug: whether the traceback is shown as well.
    """
    if debug:
        traceback.print_exception(error)
    activity = next(iter(getattr(error, "__notes__", ())), None)
    place = f"while {activity}: " if activity else ""
    if isinstance(error, OSError) and error.errno:
        file = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{file}{error.strerror}", file=sys.stderr)
        return RESOURCE
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        print(
            f"error: {place}there is not enough memory; use a smaller --batch_size or --size",
            file=sys.stderr,
        )
        return RESOURCE
    text = f"{type(error).__name__}: {one_line(str(error))}"
    print(
        f"error: {place}{text}; this is a fault of the program, whose traceback is in "
        f"{_write(error)}",
        file=sys.stderr,
    )
    return FAULT


def _write(error: Exception) -> Path:
    """Writes the traceback, where possible into the folder that it belongs in."""
    name = time.strftime("traceback-%Y%m%d-%H%M%S.txt")
    lines = "".join(traceback.format_exception(error))
    for folder in (getattr(error, "folder", None), Path(tempfile.gettempdir())):
        try:
            path = Path(folder) / name
            path.write_text(lines)
            return path
        except (OSError, TypeError):
            continue
    return Path("nothing: it cannot be written anywhere")
