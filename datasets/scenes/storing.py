"""Renders whole datasets: all images of some layouts, by as many processes as there are cores."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path

import cv2

from datasets.scenes.layouts import LAYOUTS, Job
from datasets.scenes.scene import render
from utils.errors import DataError

_Task = tuple[str, Job, Path, int, tuple[int, int]]


def write(
    root: Path,
    layouts: Sequence[str],
    train: int,
    val: int,
    size: tuple[int, int],
    seed: int,
    processes: int | None = None,
    progress: Callable[..., Iterable] | None = None,
) -> None:
    """Writes rendered datasets below `root`, one folder a layout.

    A dataset appears under its name only when it is complete. The files are a function of the
    layout, `train`, `val`, `size` and `seed`, whatever the number of processes.

    Args:
        layouts: names of `LAYOUTS`.
        train, val: the numbers of training and of test images of NYU and NYUD_MT, at least 1. VOC
            has 15/24 as many training images, as the real ones have.
        size: (height, width) of the images.
        processes: as many as there are cores, unless given. They are spawned, so the caller's main
            module must be safe to import.
        progress: called as tqdm is, on the iterable of images done, with `total` and `desc`.

    Raises:
        DataError: a layout is not known, its folder is already there, or `root` cannot be written.
    """
    root = Path(root)
    for name in layouts:
        if name not in LAYOUTS:
            raise DataError(f"there is no layout {name}: it is one of {', '.join(LAYOUTS)}")
        _require_absent(root / name)
    processes = min(processes or os.cpu_count() or 1, train + val)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _mapper(processes) as run:
            for name in layouts:
                _write_layout(root, name, (train, val), size, seed, run, progress)
    except OSError as reason:
        raise DataError(f"{root}: the rendered data cannot be written ({reason})") from None


def _write_layout(root, name, counts, size, seed, run, progress) -> None:
    layout = LAYOUTS[name]
    jobs = layout.jobs(*counts)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as unfinished:
        folder = Path(unfinished) / name
        for below in layout.folders:
            (folder / below).mkdir(parents=True)
        done = run(_render, [(name, job, folder, seed, size) for job in jobs])
        if progress:
            done = progress(done, total=len(jobs), desc=name)
        for _ in done:
            pass
        for file, text in layout.lists(jobs, size).items():
            (folder / file).write_text(text)
        _require_absent(root / name)
        folder.rename(root / name)


def _require_absent(folder: Path) -> None:
    if folder.exists():
        raise DataError(f"{folder} is already there: remove it, or render to another root")


def _render(task: _Task) -> None:
    name, job, folder, seed, size = task
    LAYOUTS[name].save(render(seed, job.scene, size), job, folder)


class _mapper:
    """`map` over a pool of processes, or in this one where one is enough."""

    def __init__(self, processes: int):
        self.pool = None
        if processes > 1:
            self.pool = ProcessPoolExecutor(processes, get_context("spawn"), _start_worker)

    def __enter__(self) -> Callable[[Callable, list], Iterator]:
        if self.pool is None:
            return map
        return lambda function, tasks: self.pool.map(function, tasks, chunksize=4)

    def __exit__(self, *_) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    cv2.setNumThreads(0)  # the processes are the parallelism
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever."""
    parent_process().join()
    os._exit(1)
