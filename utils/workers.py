"""One process of several that torch's launcher started, before they know of one another."""

from __future__ import annotations

import os
import time

from utils import signals

ENDED = 143
"""The exit status of a process that the launcher ended because another one had failed."""

_SECONDS = 30  # in which the launcher ends the processes that are left


def is_launched() -> bool:
    """Whether a launcher has started this process as one of several."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def is_first() -> bool:
    """Whether this is the process that prints."""
    return not is_launched() or os.environ.get("RANK", "0") == "0"


def ended_by_launcher(seconds: float = _SECONDS) -> bool:
    """Waits for the process that tells what is wrong; the launcher ends all processes as soon as
    one has ended. Returns whether it has ended this one; otherwise nobody has told."""
    try:
        signals.check()
        time.sleep(seconds)
    except signals.Stopped:
        return True
    return False
