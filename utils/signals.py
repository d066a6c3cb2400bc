"""SIGTERM, SIGINT and SIGUSR1: the work in hand is finished, and the process ends.

Clusters send them before they take a node, a user with Ctrl-C. The first one ends what is going on
as soon as it can be ended without harm; a second one ends the process at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

PARENT = "TRAIN_TEST_PARENT"
"""The variable that holds the process which this one ends with, where it is to."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
_DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class Stopped(BaseException):
    """The process was asked to end.

    Attributes:
        signal: by which signal.
        told: whether the user knows.
    """

    def __init__(self, number: int):
        self.signal, self.told = signal.Signals(number), False
        super().__init__(f"stopped by {self.signal.name}")

    def __reduce__(self) -> tuple:
        return Stopped, (self.signal.value,)

    @property
    def status(self) -> int:
        """The exit status, as a shell has it."""
        return 128 + self.signal


class _State:
    process = 0
    pending: int | None = None
    deferring = 0
    once = False


def install(once: bool = False) -> None:
    """Takes the signals of this process from now on; processes that it forks ignore them.

    Args:
        once: a second signal does nothing. A cluster may signal each process of a run, and their
            launcher signals them again, and ends them where they take too long.
    """
    _State.process, _State.once = os.getpid(), once
    for number in _SIGNALS:
        signal.signal(number, _handle)
    if parent := os.environ.pop(PARENT, None):
        _end_with(int(parent))


def ignore() -> None:
    """For a process that another one ends."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Within it, a signal waits for the next :func:`check`."""
    _State.deferring += 1
    try:
        yield
    finally:
        _State.deferring -= 1


def pending() -> int:
    """The signal that has come; 0 where none has."""
    return _State.pending or 0


def check() -> None:
    """Ends the work in hand if a signal has come.

    Raises:
        Stopped: a signal has come.
    """
    if _State.pending is not None:
        raise Stopped(_State.pending)


def _end_with(parent: int) -> None:
    """A SIGTERM comes where the process that has started this one dies, on systems that can."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it has died before
        os.kill(os.getpid(), signal.SIGTERM)


def _handle(number: int, _: FrameType | None) -> None:
    if os.getpid() != _State.process:
        return
    if _State.pending is not None and _State.once:
        return
    if _State.pending is not None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    _State.pending = number
    if not _State.deferring:
        raise Stopped(number)
