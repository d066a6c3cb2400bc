"""What the index of millions of images costs before the first of them is read: memory and time of
every step from the list of names to the batches of an epoch.

    python3 bench/index.py --images 1000000
    python3 bench/index.py --files 20000       # the files of all types, made below --folder, listed

The names are made up; memory is what Python and numpy ask for (tracemalloc), apart from the times,
which are taken without it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from datasets import DATASETS
from datasets.base import Split
from datasets.holdout import train_val_split
from datasets.leaks import ResolvedPaths, without_copies, without_images
from datasets.merge import MultiTaskDataset
from datasets.sample_index import Column, SampleIndex, Stems
from datasets.sampling import BatchSampler
from datasets.taskonomy import FORMATS
from datasets.unite import build_tasks
from engine.runs.identity import _splits
from tasks import TASKS

_A_BUILDING = 8_600  # images, as Taskonomy has on average
_ROOT = Path("/nowhere/Taskonomy")


def names(images: int, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Buildings, and the points and views of each."""
    for number, first in enumerate(range(0, images, _A_BUILDING)):
        count = min(_A_BUILDING, images - first)
        yield f"{prefix}{number:03d}", [f"point_{k // 5}_view_{k % 5}" for k in range(count)]


def made_up(images: int, prefix: str = "building") -> Split:
    stems = Stems.of(names(images, prefix))
    labels = {
        name: (stored, Column(_ROOT / name / "taskonomy", f"_domain_{name}.png"))
        for name, stored in FORMATS.items()
    }
    labelled = np.full(images, 2 ** len(labels) - 1, np.uint32)
    image = Column(_ROOT / "rgb" / "taskonomy", "_domain_rgb.png")
    return Split("Taskonomy", SampleIndex(stems, image, labels, labelled), root=_ROOT)


class Steps:
    """What every step gave, and its time or the most memory that it took."""

    def __init__(self, images: int, traced: bool):
        self.images, self.traced = images, traced

    def __call__(self, name: str, step: Callable):
        if self.traced:
            tracemalloc.reset_peak()
        start = time.perf_counter()
        result = step()
        if self.traced:
            held, peak = (size / self.images for size in tracemalloc.get_traced_memory())
            print(f"{name:<34} {held:7.1f} bytes an image held, {peak:7.1f} at most", flush=True)
        else:
            seconds = (time.perf_counter() - start) * 1e6 / self.images
            print(f"{name:<34} {seconds:7.2f} s a million", flush=True)
        return result


def walk(images: int, traced: bool) -> None:
    """Every step that a run takes."""
    if traced:
        tracemalloc.start()
    step, resolved = Steps(images, traced), ResolvedPaths()
    split = step("index", lambda: made_up(images))
    test = made_up(images // 10, "tested")
    split, _ = step("copies", lambda: without_copies(split, resolved))
    [split], _, _ = step("test images", lambda: without_images([split], [test], resolved))
    split, _ = step("held out", lambda: train_val_split(split, 0.1))
    tasks = step("tasks", lambda: build_tasks([TASKS.choose(name) for name in FORMATS], [split]))
    data = step("merged", lambda: MultiTaskDataset([split], tasks, (256, 256)))
    step("labels of each task", lambda: [len(data.labelled_for(task)) for task in tasks])
    step("identity of a baseline", lambda: _splits([split], tasks[0]))
    sampler = BatchSampler(data.sizes, 8, training=True)
    step("batches of an epoch", lambda: sum(map(len, sampler)))
    shown = range(0, len(data), 10)
    step("a tenth of the entries", lambda: sum(len(data.entries[k].labels) for k in shown))
    tracemalloc.stop()


def read(images: int, folder: Path) -> None:
    """Lists files that are there, twelve an image."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        root = place / "Taskonomy"
        buildings = list(names(images, "building"))
        (root / "splits_taskonomy").mkdir(parents=True)
        rows = "".join(f"{name},1,0,0\n" for name, _ in buildings)
        (root / "splits_taskonomy/train_val_test_tiny.csv").write_text(f"id,train,val,test\n{rows}")
        for kind in ("rgb", *FORMATS):
            for building, stems in buildings:
                below = root / kind / "taskonomy" / building
                below.mkdir(parents=True)
                for stem in stems:
                    (below / f"{stem}_domain_{kind}.png").touch()
        step, dataset = Steps(images, traced=False), DATASETS.choose("Taskonomy").build("Taskonomy")
        split = step("list the images", lambda: dataset.list(root, "train"))
        step("look for all files", split.samples.require_files)
    finally:
        shutil.rmtree(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=0)
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    if options.images:
        walk(options.images, traced=False)
        walk(options.images, traced=True)
    if options.files:
        read(options.files, options.folder)


if __name__ == "__main__":
    main()
