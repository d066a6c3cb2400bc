"""Training images that a task has no label for, as a run and the check of its data see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from datasets.cache import open_cache
from datasets.pseudo_labels import bytes_on_disk
from engine.runs.baselines import Baselines
from engine.runs.data import Data
from engine.training.log import Log
from utils.ranks import Ranks

if TYPE_CHECKING:
    from engine.config import Config


def label_missing(
    config: Config,
    data: Data,
    baselines: Baselines | None,
    device: torch.device,
    ranks: Ranks,
    log: Log,
) -> dict[str, int] | None:
    """Lets the single-task networks label the training images without a label, where the cfg wants
    it.

    Returns:
        by task name, how many images are labelled so; None where they are ignored.

    Raises:
        UserError: an image or a checkpoint cannot be read, or the disk is full.
    """
    rule = config.data.missing.build()
    if not rule.weight:
        return None
    from engine.training.pseudo_labels import Labelling, make_pseudo_labels

    labelling = Labelling(
        rule,
        baselines.checkpoints,
        # One cache for all: each may keep half of the files open that the system allows.
        data.train.cache or open_cache("disk", Path(config.run.runs)),
        device,
        config.loading.workers_for,
        config.loading.on_bad_sample == "skip",
    )
    return make_pseudo_labels(data.train, labelling, ranks, log)


def disk_note(
    config: Config, data: Data, sizes: Mapping[str, Counter[tuple[int, int]]]
) -> list[str]:
    """A note on the disk that the pseudo-labels of a cfg need, where it wants any.

    Args:
        sizes: by dataset, the number of training images of each (height, width).
    """
    if len(config.run.tasks) == 1 or not config.data.missing.build().weight:
        return []
    counts, size = {}, 0
    for task in data.tasks:
        missing = data.train.missing_by_dataset(task)
        counts[task.name] = sum(missing.values())
        for dataset, number in missing.items():
            known = sizes.get(dataset, Counter())
            share = number / max(1, known.total())
            size += share * bytes_on_disk(task, known)
    images = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    if not images:
        return ["missing = teacher: every training image has a label for every task"]
    return [
        f"missing = teacher: pseudo-labels for images without a label ({images}) take about "
        f"{size / 1e6:,.1f} MB on the disk of {Path(config.run.runs) / 'cache'}"
    ]
