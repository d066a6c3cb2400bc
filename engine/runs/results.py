"""`results.json`: the results of a run, written and read by one dataclass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tasks import task_class
from utils.files import read_json, write_json

Metrics = dict[str, dict[str, float | None]]
"""By task, its metrics by name; None where there was nothing to measure."""


@dataclass
class Results:
    """The results of a run. The attributes are the keys of `results.json`.

    Attributes:
        metrics, per_class: of the best checkpoint on the test images.
        accuracy: the metric of each task that stands for it.
        constant: the metrics of the best predictions that do not look at the image.
        validation: the metrics of a single-task network on the validation images.
        identity, baseline_key: what decides how a single-task run comes out, and its digest.
        potential: by task, the validation accuracy of its single-task network.
        potential_given: whether the cfg gave the potentials.
        baseline: by task, the test metrics of its single-task network.
        delta: by task, in percent of the baseline, positive = better (Maninis et al., CVPR 2019).
        delta_mtl: the mean of `delta` over the tasks.
        options: the resolved cfg, as text.
        selected_on: the images that the best checkpoint was chosen on, 'validation' or 'test'.
        selection_images: how many they are.
        train_labels: by task, how many training images have a label for it.
        protocol: which labels the training images keep; None where they keep all.
        initial_checkpoint: path and SHA-256 of the checkpoint that the weights started from; after
            a restart its epoch and the options that were changed as well.
        missing: what became of training images without a label for a task: ignore or teacher.
        pseudo_labels: by task, how many of them its single-task network has labelled.
        skipped_steps: how many steps were undone, where `on_nan` is skip.
        threads: of PyTorch on the CPU, in each process.
        processes: how many trained the network together.
        micro_batches: how many parts each batch was computed in.
        images_by_process: how many training images each process computed.
    """

    cfg: str
    loss: str
    seed: int
    tasks: list[str]
    metrics: Metrics
    per_class: Metrics
    accuracy: dict[str, float | None]
    constant: Metrics
    selected_on: str
    best_epoch: int
    epochs: int
    learning_rate: float
    seconds_per_epoch: float
    images_per_second: float
    parameters: int
    gmacs: float
    train_images: int
    test_images: dict[str, int]
    device: str
    precision: str
    torch: str
    options: str = ""
    selection_images: int | None = None
    train_labels: dict[str, int] | None = None
    protocol: dict[str, Any] | None = None
    missing: str = "ignore"
    pseudo_labels: dict[str, int] | None = None
    initial_checkpoint: dict[str, Any] | None = None
    skipped_steps: int | None = None
    threads: int | None = None
    processes: int = 1
    micro_batches: int = 1
    images_by_process: list[int] | None = None
    validation: dict[str, float | None] | None = None
    identity: dict[str, Any] | None = None
    baseline_key: str | None = None
    potential: dict[str, float | None] | None = None
    potential_given: bool | None = None
    baseline: Metrics | None = None
    delta: dict[str, float | None] | None = None
    delta_mtl: float | None = None
    single_task_networks: dict[str, float] | None = None
    finished: bool = field(default=True)

    @classmethod
    def read(cls, path: Path) -> Results | None:
        """The results in a file; None where there are none, or none that are whole."""
        try:
            stored = read_json(path)
        except (OSError, ValueError):
            return None
        known = {attribute.name for attribute in fields(cls)}
        try:
            return cls(**{key: value for key, value in stored.items() if key in known})
        except TypeError:  # of another version
            return None

    def write(self, path: Path) -> None:
        """Writes the results, those of the comparison only where there is one."""
        write_json(path, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The results as JSON has them: without NaN, and without what the run does not have."""
        kept = {attribute.name: getattr(self, attribute.name) for attribute in fields(self)}
        compared = self.is_compared
        return {
            key: _without_nan(value)
            for key, value in kept.items()
            if value is not None or (key == "delta_mtl" and compared)
        }

    @property
    def is_compared(self) -> bool:
        """Whether the run was compared with baselines."""
        return self.delta is not None

    @property
    def described_loss(self) -> str:
        """The loss, and whether the single-task networks have labelled images."""
        return f"{self.loss}, missing = teacher" if self.pseudo_labels is not None else self.loss

    def compare(self, baseline: Mapping[str, Mapping[str, float | None]]) -> None:
        """Adds the comparison with the test metrics of the tasks' single-task networks."""
        self.baseline = {task: dict(metrics) for task, metrics in baseline.items()}
        self.delta = {task: self.gain(task, task_class(task).accuracy) for task in self.tasks}
        self.delta_mtl = mean_gain(list(self.delta.values()))

    def gain(self, task: str, metric: str) -> float | None:
        """The gain of a metric over the baseline's; None where it has none."""
        return relative_gain(
            self.metrics[task].get(metric),
            (self.baseline or {}).get(task, {}).get(metric),
            task_class(task).metrics[metric],
        )


def relative_gain(value: float | None, baseline: float | None, sign: int) -> float | None:
    """By how many percent of the baseline a metric is better, positive = better; `sign` is -1 where
    lower is better (Maninis et al., CVPR 2019). None where the baseline is 0 or not a number."""
    if not _is_number(value) or not _is_number(baseline) or not baseline:
        return None
    return sign * 100 * (value - baseline) / abs(baseline)


def mean_gain(gains: Sequence[float | None]) -> float | None:
    """Δ_MTL, the mean over tasks; None where a task has no gain."""
    if not gains or any(gain is None for gain in gains):
        return None
    return sum(gains) / len(gains)


def mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _without_nan(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
