"""Work that is done by several processes of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process

import cv2

from utils import signals

_CHUNK = 4


def free_cores() -> int:
    """How many processes this one may start: its share of the cores, where several train together
    on this machine."""
    return max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


@contextmanager
def pool(processes: int) -> Iterator[Callable[[Callable, list], Iterator]]:
    """`map` over a pool of processes, or in this one where one is enough. They have what this
    process has, and give their results in order.

    Raises:
        BrokenExecutor: a process was ended from outside.
    """
    if processes == 1:
        yield map
        return
    executor = ProcessPoolExecutor(processes, get_context("fork"), _start)
    try:
        yield partial(executor.map, chunksize=_CHUNK)
    finally:
        executor.shutdown(cancel_futures=True)


def _start() -> None:
    cv2.setNumThreads(0)  # the processes are the parallelism
    signals.ignore()  # the parent ends them
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever."""
    parent_process().join()
    os._exit(1)
