"""What every `DataLoader` of the program has in common: its worker processes."""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import torch

from utils import signals
from utils.errors import DataError


def identity_collate(item: Any) -> Any:
    """A `collate_fn` for what needs no putting together."""
    return item


def start_worker(_: int) -> None:
    """A `worker_init_fn`: the workers are the parallelism, and threads within them would fight for
    the same cores. The process that they read for ends them."""
    signals.ignore()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


@atexit.register
def kill_workers() -> None:
    """Ends the workers of an epoch that nobody read to its end. At exit multiprocessing would wait
    for them for ever: they ignore the signal that it sends."""
    for process in multiprocessing.active_children():
        process.kill()


@contextmanager
def worker_crash_as_error(text: str) -> Iterator[None]:
    """Around the reading of a `DataLoader`, whose workers read `text`.

    Raises:
        DataError: a worker was ended from outside.
    """
    try:
        yield
    except RuntimeError as error:
        # Not `Caught … in DataLoader worker process`, which is a fault of what a worker did.
        if "DataLoader worker (pid" not in str(error):
            raise
        raise DataError(
            f"a process that read {text} was ended from outside (too little memory?); use fewer: "
            "--num_workers 1, or 0 for none"
        ) from None
