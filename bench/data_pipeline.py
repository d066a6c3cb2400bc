"""How fast files become batches, beside reading the same files alone.

    python3 bench/data_pipeline.py
    python3 bench/data_pipeline.py --images 48 --rounds 15 --json data_pipeline.json

The data are rendered scenes of 480 × 640 pixels as NYUD_MT stores them: an image (JPEG), a mask of
40 classes (PNG), depth and normals (.npy, float32). All of it is in the system's page cache.

On one core, in images a second of its time (CPU time of the one process and thread):

    files        the four files of each image of a batch, read and decoded by OpenCV and numpy, and
                 held until the batch is complete; nothing else is done with them
    loader       the same files as a training run takes them: read, checked, augmented, in batches
    disk         the same with `cache = disk`, filled beforehand

These take turns in every round, in random order; the table has the median of the rounds, and half
of their interquartile range. A ratio is the median of the rounds' ratios.

Then, in seconds by the clock: one worker against two; the share of putting batches together, where
VOC and NYU are merged; and the first batch of a dataset of 40,000 images, from listing its files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch

from datasets import DATASETS, scenes
from datasets.augment import Augmentation
from datasets.base import Sample, Split
from datasets.cache import open_cache
from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from datasets.unite import build_tasks
from tasks import TASKS

SIZE = (480, 640)
BATCH = 8
TASK_TYPES = ("segmentation", "depth", "normal")
INDEX = 40_000
WANTED = {
    "loader / files": 0.8,
    "disk / loader": 2.5,
    "two workers / twice one": 0.85,
}
AT_MOST = {"collation": 0.05, "first batch": 3.0}


def main() -> None:
    options = _parser().parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="data_pipeline-") as folder:
        root = Path(folder)
        layouts = ["NYUD_MT", "VOC", "NYU"]
        print(f"rendering {options.images} images of each of {', '.join(layouts)}", flush=True)
        scenes.write(root, layouts, options.images, 1, SIZE, seed=0)
        result = one_core(root, options.rounds)
        report_rates(result)
        result |= {
            "two workers / twice one": workers(root, options.rounds),
            "collation": collation(root, options.rounds),
            "first batch": first_batch(root),
        }
    report_ratios(result)
    if options.json:
        options.json.write_text(json.dumps(result | {"machine": machine()}, indent=2) + "\n")


def one_core(root: Path, rounds: int) -> dict:
    """The rates on one core, [median, spread], and their ratios."""
    split = training_split("NYUD_MT", root)
    loaders = {"loader": loader([split]), "disk": loader([split], cache=open_cache("disk", root))}
    samples = split.samples[: len(split.samples) // BATCH * BATCH]
    candidates = {"files": lambda _: read_alone(samples)}
    candidates |= {name: partial(drain, each) for name, each in loaders.items()}
    for run in candidates.values():
        run(1)  # fills the page cache and the caches
        run(2)
    rates = {name: [] for name in candidates}
    for number in range(rounds):
        for name in random.sample(list(candidates), len(candidates)):
            started = time.process_time()
            candidates[name](3 + number)
            rates[name].append(len(samples) / (time.process_time() - started))
    ratios = {
        "loader / files": ("loader", "files"),
        "disk / loader": ("disk", "loader"),
    }
    result = {name: spread(values) for name, values in rates.items()}
    for name, (above, below) in ratios.items():
        pairs = zip(rates[above], rates[below], strict=True)
        result[name] = statistics.median(a / b for a, b in pairs)
    return result


def read_alone(samples: tuple[Sample, ...]) -> None:
    """Reads and decodes the files of every batch by the plain fast functions for each format."""
    for first in range(0, len(samples), BATCH):
        batch = []
        for sample in samples[first : first + BATCH]:
            image = cv2.imread(str(sample.image), cv2.IMREAD_COLOR_RGB)
            mask = cv2.imread(str(sample.labels["segmentation"].file), cv2.IMREAD_UNCHANGED)
            arrays = (np.load(sample.labels[name].file) for name in ("depth", "normal"))
            batch.append((image, mask, *arrays))


def training_split(name: str, root: Path) -> Split:
    return DATASETS.choose(name).build(name).read(root, "train")


def loader(splits, cache=None, workers=0, task_types=TASK_TYPES, data=MultiTaskDataset) -> Loader:
    tasks = build_tasks([TASKS.choose(name) for name in task_types], splits, "separate")
    merged = data(splits, tasks, SIZE, Augmentation(), seed=0, cache=cache)
    return Loader(merged, Loading(batch_size=BATCH, num_workers=workers), training=True)


def drain(loader: Loader, epoch: int) -> int:
    """The number of images of an epoch, all of them loaded."""
    return sum(len(batch.images) for batch in loader.epoch(epoch))


def workers(root: Path, rounds: int) -> float:
    """How much faster two workers are than one, as a share of twice as fast."""
    split = training_split("NYUD_MT", root)
    split = replace(split, samples=split.samples * 8)  # else most of it is read ahead
    loaders = {count: loader([split], workers=count) for count in (1, 2)}
    for each in loaders.values():
        drain(each, 1)
    ratios = []
    for number in range(max(3, rounds // 3)):
        item, two = (clocked(partial(drain, loaders[count], number + 2)) for count in (1, 2))
        ratios.append(item / two / 2)
    return statistics.median(ratios)


class Timed(MultiTaskDataset):
    """Knows how long it took to put its batches together."""

    seconds = 0.0

    def collate(self, items):
        started = time.perf_counter()
        batch = super().collate(items)
        self.seconds += time.perf_counter() - started
        return batch


def collation(root: Path, rounds: int) -> float:
    """The share of the loader's time that it takes to make batches of VOC's and NYU's images."""
    splits = [training_split(name, root) for name in ("VOC", "NYU")]
    timed = loader(splits, task_types=("segmentation", "detection", "depth"), data=Timed)
    drain(timed, 1)
    timed.data.seconds = 0.0
    total = clocked(lambda: [drain(timed, 2 + number) for number in range(max(2, rounds // 3))])
    return timed.data.seconds / total


def first_batch(root: Path) -> float:
    """Seconds from nothing to the first batch of two workers, with 40,000 images and depth maps."""
    folder, sample = root / "index" / "NYU", training_split("NYU", root).samples[0]
    files = folder / "sync"
    files.mkdir(parents=True)
    for number in range(INDEX):
        os.link(sample.image, files / f"{number}.jpg")
        os.link(sample.labels["depth"].file, files / f"{number}.png")
    lines = "".join(f"/{number}.jpg /{number}.png 518.8579\n" for number in range(INDEX))
    (folder / "nyudepthv2_train_files_with_gt.txt").write_text(lines)

    def begin():
        split = training_split("NYU", root / "index")
        next(iter(loader([split], workers=2, task_types=("depth",)).epoch(1)))

    return clocked(begin)


def clocked(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def spread(values: list[float]) -> list[float]:
    quarters = statistics.quantiles(values, n=4)
    return [statistics.median(values), (quarters[2] - quarters[0]) / 2]


def report_rates(result: dict) -> None:
    print(f"\n{'one core':<26}{'images/s':>10}{'±':>8}")
    for name in ("files", "loader", "disk"):
        median, half = result[name]
        print(f"{name:<26}{median:>10.0f}{half:>8.0f}", flush=True)


def report_ratios(result: dict) -> None:
    print()
    for name, least in WANTED.items():
        print(f"{name:<26}{result[name]:>10.2f}   wanted: at least {least}")
    for name, most in AT_MOST.items():
        unit = "s" if name == "first batch" else ""
        print(f"{name:<26}{result[name]:>10.3f}{unit}   wanted: at most {most}{unit}")


def machine() -> dict:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=32, metavar="N", help="of each dataset (32)")
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="11 unless given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    return parser


if __name__ == "__main__":
    main()
