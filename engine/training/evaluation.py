"""Measures a network on a set of images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import nn

from datasets.batch import Batch
from datasets.formats.images import read_image
from datasets.loader import Loader
from datasets.merge import MultiTaskDataset
from datasets.photometric import float_images
from engine.training.precision import Precision
from tasks import Task
from tasks.base import Meter
from utils import signals
from utils.errors import DataError
from utils.ranks import ALONE, Ranks

_Measured = list[dict[str, Meter]]
"""The meters of batches, by task name."""

_CONSTANT_SAMPLES = 200  # training images that the constant prediction is learnt from


@dataclass
class Evaluation:
    """The metrics of a network on a set of images.

    Attributes:
        metrics: by task name, the metrics by name.
        per_class: by task name, one metric by class; empty for tasks without classes.
    """

    metrics: dict[str, dict[str, float]]
    per_class: dict[str, dict[str, float]]

    def accuracy(self, tasks: Iterable[Task]) -> dict[str, float]:
        """`Task.accuracy` of each task, in [0, 1]; NaN where there was nothing to measure."""
        return {task.name: self.metrics[task.name][task.accuracy] for task in tasks}

    def scores(self, tasks: Iterable[Task]) -> dict[str, float]:
        """`Task.selection_score` of each task; NaN where there was nothing to measure."""
        return {task.name: task.selection_score(self.metrics[task.name]) for task in tasks}

    def selection_score(self, tasks: Iterable[Task]) -> float:
        """The geometric mean of the scores, for the choice of the checkpoint. A task that could not
        be measured is left out; 0 where there is none left."""
        scores = [score for score in self.scores(tasks).values() if not math.isnan(score)]
        if not scores or min(scores) <= 0:
            return 0.0
        return float(np.exp(np.log(scores).mean()))


@torch.no_grad()
def evaluate(
    network: nn.Module,
    tasks: Sequence[Task],
    loader: Loader,
    precision: Precision,
    ranks: Ranks = ALONE,
    is_test: bool = False,
) -> Evaluation:
    """Measures a network on all images of a loader, each task on the images labelled for it.

    Every batch has meters of its own, which are merged in the order of the batches: the figures are
    the same to the last digit, however many processes measure.

    Args:
        ranks: the processes that share the batches, as the loader does.
        is_test: whether a task may take a second round for more exact figures
            (`Task.is_tested_twice`).

    Raises:
        Stopped: a signal has come.
    """
    was_training = network.training
    network.eval()
    measured: _Measured = []

    def measure() -> _Measured:
        for batch in loader.epoch():
            signals.check()
            batch = batch.to(precision.device)
            with precision.autocast():
                predictions = network(float_images(batch))
            measured.append(_measured(tasks, predictions, batch))
        return _finished(tasks, measured)

    shares = ranks.together(measure)
    network.train(was_training)
    if not any(shares):
        ranks.together(loader.refuse_unreadable)
    whole = _merged(tasks, shares)
    if is_test:
        whole |= _second_round(tasks, measured, whole, ranks)
    return _evaluation(whole)


def evaluate_constants(
    tasks: Sequence[Task], train: MultiTaskDataset, loader: Loader
) -> dict[str, dict[str, float]]:
    """The metrics of the predictions that do not depend on the image (`Task.constant`), learnt from
    a part of the training images.

    Args:
        train: the training images.
        loader: of the test images.

    Returns:
        Task name -> metrics, of the tasks that have such a prediction.
    """
    constants = {task.name: task.constant(_some_targets(task, train)) for task in tasks}
    constants = {name: value for name, value in constants.items() if value is not None}
    known = [task for task in tasks if task.name in constants]
    if not known:
        return {}
    measured = []
    for batch in loader.epoch():
        count = len(batch.images)
        predictions = {
            name: value.view(1, -1, 1, 1).expand(count, -1, *train.label_size)
            for name, value in constants.items()
        }
        measured.append(_measured(known, predictions, batch))
    whole = _merged(known, [_finished(known, measured)])
    return _evaluation(whole | _second_round(known, measured, whole)).metrics


def constant_samples(task: Task, train: MultiTaskDataset) -> np.ndarray:
    """The indices of the training images that the constant prediction of a task is learnt from."""
    labelled = train.labelled_for(task)
    return labelled[:: max(1, math.ceil(len(labelled) / _CONSTANT_SAMPLES))]


def _some_targets(task: Task, train: MultiTaskDataset) -> list[np.ndarray]:
    at = train.tasks.index(task)
    targets = []
    for i in constant_samples(task, train):
        entry = train.entries[i]
        with suppress(DataError):  # the training has named this file and gone on without it
            target = entry.labels[at].read(read_image(entry.image).shape[:2])
            if task.usable(target):
                targets.append(target)
    return targets


def _meters(tasks: Iterable[Task]) -> dict[str, Meter]:
    """Empty meters."""
    return {task.name: task.meter() for task in tasks}


def _measured(
    tasks: Iterable[Task], predictions: Mapping[str, Any], batch: Batch
) -> dict[str, Meter]:
    """The meters of a batch, which see nothing of the padding around its images."""
    meters, labels = _meters(tasks), batch.labels
    for task in tasks:
        name = task.name
        if batch.labelled[name].any():
            prediction = task.within(predictions[name], batch.shown)
            meters[name].update(prediction, *labels[name])
    return meters


def _finished(
    tasks: Iterable[Task], measured: _Measured, whole: Mapping[str, Meter] | None = None
) -> _Measured:
    """The meters of the tasks, of this process's batches, with all that can be done before they are
    merged; see `Task.finish`."""
    for task in tasks:
        meters = [of_batch[task.name] for of_batch in measured]
        task.finish(meters, whole[task.name] if whole else None)
    names = [task.name for task in tasks]
    return [{name: of_batch[name] for name in names} for of_batch in measured]


def _merged(tasks: Iterable[Task], shares: Sequence[_Measured]) -> dict[str, Meter]:
    """The meters of all batches, of which each process has every so manieth, in their order."""
    whole = _meters(tasks)
    in_order = (meters for batches in zip_longest(*shares) for meters in batches if meters)
    for meters in in_order:
        for name, meter in meters.items():
            whole[name].merge(meter)
    return whole


def _second_round(
    tasks: Iterable[Task],
    measured: _Measured,
    whole: Mapping[str, Meter],
    ranks: Ranks = ALONE,
) -> dict[str, Meter]:
    """The meters of all batches, of the tasks that are tested twice.

    Args:
        measured: of the first round, in this process.
        whole: likewise, of all batches.
    """
    twice = [task for task in tasks if task.is_tested_twice]
    if not twice:
        return {}
    return _merged(twice, ranks.together(lambda: _finished(twice, measured, whole)))


def _evaluation(whole: Mapping[str, Meter]) -> Evaluation:
    measurements = {name: meter.compute() for name, meter in whole.items()}
    return Evaluation(
        metrics={name: measured.metrics for name, measured in measurements.items()},
        per_class={name: measured.per_class for name, measured in measurements.items()},
    )
