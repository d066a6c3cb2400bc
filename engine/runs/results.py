"""`results.json`: the results of a run, written and read by one dataclass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine.runs.deltas import DEFINITIONS, mean_delta, metrics_in_delta, relative_gain
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
        delta_mtl: the mean over the tasks, or over all metrics.
        delta_metrics: the definition of these two, one of `engine.runs.deltas.DEFINITIONS`.
        deltas: the two by every definition.
        options: the resolved cfg, as text.
        selected_on: the images that the best checkpoint was chosen on, 'validation' or 'test'.
        selection_images: how many they are.
        train_labels: by task, how many training images have a label for it.
        protocol: which labels the training images keep; None where they keep all.
        initial_checkpoint: path and SHA-256 of the checkpoint that the weights started from; after
            a restart its epoch and the options that were changed as well.
        missing: what became of training images without a label for a task: ignore or teacher.
        pseudo_labels: by task, how many of them its single-task network has labelled.
        best_epoch, epochs: the epoch of the best checkpoint, of so many; of the evaluations where
            the cfg counts iterations.
        best_iteration, iterations: likewise, of the steps; None where the cfg counts epochs.
        skipped_steps: how many steps were undone, where `on_nan` is skip.
        peak_memory: the largest memory in bytes of training and test, in the first process; on a
            GPU that of the tensors, on a CPU that of the process.
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
    best_iteration: int | None = None
    iterations: int | None = None
    skipped_steps: int | None = None
    peak_memory: int | None = None
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
    delta_metrics: str | None = None
    deltas: dict[str, dict[str, Any]] | None = None
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

    @property
    def best_place(self) -> str:
        """'epoch 12 of 60' or 'iteration 15000 of 40000', of the best checkpoint."""
        if self.iterations:
            return f"iteration {self.best_iteration} of {self.iterations}"
        return f"epoch {self.best_epoch} of {self.epochs}"

    def compare(
        self, baseline: Mapping[str, Mapping[str, float | None]], delta_metrics: str = "key"
    ) -> None:
        """Adds the comparison with the test metrics of the tasks' single-task networks.

        Args:
            delta_metrics: the definition of `delta` and `delta_mtl`.
        """
        self.baseline = {task: dict(metrics) for task, metrics in baseline.items()}
        self.deltas = {name: self._delta(name) for name in DEFINITIONS}
        self._set_delta(delta_metrics)

    def by(self, delta_metrics: str) -> Results:
        """The same results with `delta` and `delta_mtl` by another definition."""
        if not self.is_compared:
            return self
        results = replace(self)
        results._set_delta(delta_metrics)
        return results

    @property
    def definition(self) -> str:
        """The definition of `delta` and `delta_mtl`; results of earlier versions do not name it."""
        return self.delta_metrics or "key"

    @property
    def metrics_in_delta(self) -> dict[str, tuple[str, ...]]:
        """By task, the metrics that `delta` and `delta_mtl` are made of."""
        return {task: metrics_in_delta(task_class(task), self.definition) for task in self.tasks}

    def _set_delta(self, delta_metrics: str) -> None:
        chosen = self._delta(delta_metrics)
        self.delta, self.delta_mtl = chosen["delta"], chosen["delta_mtl"]
        self.delta_metrics = delta_metrics

    def _delta(self, definition: str) -> dict[str, Any]:
        """`delta` and `delta_mtl` by a definition."""
        gains = {
            task: [self.gain(task, name) for name in metrics_in_delta(task_class(task), definition)]
            for task in self.tasks
        }
        delta = mean_delta(gains, definition)
        return {"delta": delta.tasks, "delta_mtl": delta.mtl}

    def gain(self, task: str, metric: str) -> float | None:
        """The gain of a metric over the baseline's; None where it has none."""
        return relative_gain(
            self.metrics[task].get(metric),
            (self.baseline or {}).get(task, {}).get(metric),
            task_class(task).metrics[metric],
        )


def mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)


def _without_nan(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
