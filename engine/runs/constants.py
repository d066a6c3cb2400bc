"""The metrics of the trivial predictions, which depend on the data alone: found once a test set."""

from __future__ import annotations

import hashlib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.runs.data import Data
from engine.runs.identity import key_of
from engine.training.evaluation import constant_samples, evaluate_constants
from utils.files import read_json, remove_leftovers, write_json

if TYPE_CHECKING:
    from engine.config import Config


def constant_metrics(
    config: Config, data: Data, device: torch.device
) -> dict[str, dict[str, float]]:
    """By task, the metrics of the best prediction that does not look at the image; of the tasks
    that have one. They are kept in `<runs>/constants`, for the test images, the training images and
    the labels that they were found for."""
    path = Path(config.run.runs) / "constants" / f"{_key(config, data)}.json"
    try:
        return read_json(path)
    except (OSError, ValueError):
        metrics = evaluate_constants(data.tasks, data.train, data.test_loader(config, device))
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    write_json(path, metrics)
    return metrics


def _key(config: Config, data: Data) -> str:
    digest, class_maps = hashlib.sha256(), {}
    learnt_from = [constant_samples(task, data.train) for task in data.tasks]
    train = map(data.train.entries.__getitem__, np.unique(np.concatenate(learnt_from)))
    for entry in chain(train, data.test.entries):
        class_maps[entry.dataset] = entry.class_maps
        digest.update(f"{entry.dataset} {entry.image.absolute()}\n".encode())
        for label in entry.labels:
            for file in label.files if label else ():
                digest.update(f"{label.key} {file.absolute()} {_changed(file)}\n".encode())
    tasks = [
        [task.name, list(task.classes), task.settings, list(task.metrics)] for task in data.tasks
    ]
    labelled = {
        dataset: {task: class_map.tolist() for task, class_map in maps.items()}
        for dataset, maps in class_maps.items()
    }
    images = {"size": list(data.test.label_size), "aspect": config.data.aspect}
    return key_of({"files": digest.hexdigest(), "tasks": tasks, "labelled": labelled, **images})


def _changed(file: Path) -> int:
    """When a file was changed, in nanoseconds; 0 where it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
