"""Locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path


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


@contextlib.contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Whether this process has got the lock, which it then holds within; see :func:`locked`."""
    with open(path, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
