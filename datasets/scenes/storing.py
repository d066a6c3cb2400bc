"""Renders whole datasets: all images of some layouts, by as many processes as there are cores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path

from datasets import DATASETS
from datasets.scenes.files import Job
from datasets.scenes.layouts import LAYOUTS
from datasets.scenes.scene import render
from utils.errors import DataError
from utils.files import remove_leftovers, temporary_place
from utils.pool import pool

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
        train, val: the numbers of training and of test images of each, at least 1. VOC has 15/24 as
            many training images, as the real one has of NYU's.
        size: (height, width) of the images.
        processes: as many as there are cores, unless given.
        progress: called as tqdm is, on the iterable of images done, with `total` and `desc`.

    Raises:
        DataError: a layout is not known, its folder is already there, or `root` cannot be written.
    """
    root = Path(root)
    for name in layouts:
        if name not in LAYOUTS:
            raise DataError(f"there is no layout {name}: it is one of {', '.join(LAYOUTS)}")
        _require_absent(root / DATASETS[name].folder)
    processes = min(processes or os.cpu_count() or 1, train + val)
    try:
        root.mkdir(parents=True, exist_ok=True)
        remove_leftovers(root)
        with pool(processes) as run:
            for name in layouts:
                _write_layout(root, name, (train, val), size, seed, run, progress)
    except BrokenExecutor:
        raise DataError(
            f"{root}: a process that rendered was ended from outside (too little memory?); "
            "use fewer processes"
        ) from None
    except OSError as reason:
        raise DataError(f"{root}: the rendered data cannot be written ({reason})") from None


def _write_layout(root, name, counts, size, seed, run, progress) -> None:
    layout = LAYOUTS[name]
    jobs = layout.jobs(*counts)
    place = root / DATASETS[name].folder
    folder = temporary_place(place)
    try:
        for below in layout.folders:
            (folder / below).mkdir(parents=True)
        done = run(_render, [(name, job, folder, seed, size) for job in jobs])
        if progress:
            done = progress(done, total=len(jobs), desc=name)
        for _ in done:
            pass
        layout.finish(jobs, size, folder)
        _require_absent(place)
        folder.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a process may still write into it


def _require_absent(folder: Path) -> None:
    if folder.exists():
        raise DataError(f"{folder} is already there: remove it, or render to another root")


def _render(task: _Task) -> None:
    name, job, folder, seed, size = task
    LAYOUTS[name].save(render(seed, job.scene, size), job, folder)
