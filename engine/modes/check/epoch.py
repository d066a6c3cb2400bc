"""How many labels of each task an epoch and a batch of a training hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.sampling import BatchSampler
from engine.modes.check.scan import ScanResult
from engine.runs.data import Data
from engine.training.length import Length
from tasks.statistics import percent
from utils.text import aligned

if TYPE_CHECKING:
    from engine.config import Config

_MOST_EPOCHS = 10
_ENOUGH_IMAGES = 200_000


def epoch_counts(config: Config, data: Data, results: Sequence[ScanResult]) -> dict[str, Any]:
    """The usable labels in the batches that a training of the cfg would draw in its first epochs:
    up to ten of them, and fewer where these have many images.

    A label is usable that has a valid pixel in its file; augmentation may still cut that off. An
    image with a damaged file counts as one without labels.

    Returns:
        the number of `epochs` that were counted, of `batches` in each and of images in a batch
        (`batch_size`), and by task its labels in an epoch and in a batch (means over these), the
        `least` of a batch, and the share of batches without any (`batches_without`).
    """
    usable = _usable_labels(data, results)
    sampler = BatchSampler(
        data.train.sizes,
        config.loading.batch_size,
        training=True,
        seed=config.run.seed,
        sampler=config.data.sampling.build(),
    )
    images = len(sampler) * sampler.size
    length = Length.of(config.training, len(sampler))
    all_epochs = math.ceil(length.total / length.epoch)
    epochs = min(all_epochs, _MOST_EPOCHS, max(1, _ENOUGH_IMAGES // images))
    counts = np.stack([usable[batch].sum(0) for batch in _batches(sampler, epochs)])
    return {
        "epochs": epochs,
        "batches": len(sampler),
        "batch_size": sampler.size,
        "tasks": {
            task.name: {
                "epoch": float(of_task.sum() / epochs),
                "batch": float(of_task.mean()),
                "least": int(of_task.min()),
                "batches_without": float((of_task == 0).mean()),
            }
            for task, of_task in zip(data.tasks, counts.T, strict=True)
        },
    }


def epoch_in_words(counts: dict[str, Any]) -> list[str]:
    """The same as a table, a line a task."""
    epochs = counts["epochs"]
    batches = f"{counts['batches']:,} batch{'es' if counts['batches'] != 1 else ''}"
    over = f", means over the first {epochs} epochs" if epochs > 1 else ""
    rows = [["", "an epoch", "a batch", "least", "batches without"]]
    rows += [
        [
            task,
            f"{of_task['epoch']:.1f}",
            f"{of_task['batch']:.1f}",
            str(of_task["least"]),
            percent(of_task["batches_without"]),
        ]
        for task, of_task in counts["tasks"].items()
    ]
    return [
        f"usable labels to train on, {batches} of {counts['batch_size']} an epoch{over}:",
        *(f"  {line}" for line in aligned(rows)),
        "",
    ]


def _usable_labels(data: Data, results: Sequence[ScanResult]) -> np.ndarray:
    """(images, tasks) bool: which labels of the training images the run has, and can learn from."""
    found = {
        (result.data.name, image): names
        for result in results
        if result.part == "train"
        for image, names in result.usable_labels().items()
    }
    usable = np.zeros((len(data.train), len(data.tasks)), bool)
    for row, entry in zip(usable, data.train.entries, strict=True):
        names = found.get((entry.dataset, entry.image), ())
        row[:] = [
            label is not None and task.name in names
            for task, label in zip(data.tasks, entry.labels, strict=True)
        ]
    return usable


def _batches(sampler: BatchSampler, epochs: int) -> Iterator[list[int]]:
    """The images of every batch of the first epochs."""
    for sampler.epoch in range(1, epochs + 1):
        for keys in sampler:
            yield [index for _, index in keys]
