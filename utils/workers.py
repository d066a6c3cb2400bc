"""One process of several that torch's launcher started, before they know of one another."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from utils.errors import UserError
from utils.signals import Stopped

_SECONDS = 30  # in which the launcher ends the processes that are left


def is_launched() -> bool:
    """Whether a launcher has started this process as one of several."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def is_first() -> bool:
    """Whether this is the process that prints."""
    return not is_launched() or os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def told_by_first() -> Iterator[None]:
    """Within it, all processes make the same mistake, which the first one tells."""
    try:
        yield
    except UserError as mistake:
        mistake.told = not is_first()
        raise


def wait_for_the_end() -> None:
    """Gives the process that tells what is wrong the time to do so: the launcher ends all processes
    as soon as one has ended."""
    with contextlib.suppress(Stopped):
        time.sleep(_SECONDS)
