"""`results.json`: what a run found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from engine.baselines import Baselines
from engine.cost import cost
from engine.evaluator import Evaluation, evaluate_constants
from engine.optimizer import learning_rate
from engine.report import mean_gain, relative_gain
from engine.trainer import Trainer
from tasks import Task


def run_results(trainer: Trainer, best: dict, found: Evaluation) -> dict:
    """The part that every run has.

    Args:
        best: the checkpoint that was tested.
        found: its test.
    """
    config, data, history = trainer.config, trainer.data, trainer.history
    own = cost(config, {task.name: task.head for task in data.tasks})
    results = {
        "cfg": str(config.path),
        "loss": config.loss,
        "seed": config.seed,
        "tasks": [task.name for task in data.tasks],
        "metrics": found.metrics,
        "per_class": found.per_class,
        "accuracy": found.accuracy(data.tasks),
        "constant": _constants(trainer),
        "selected_on": data.selected_on,
        "best_epoch": best["epoch"],
        "epochs": config.max_epoch,
        "learning_rate": learning_rate(config),
        "seconds_per_epoch": _mean(row["seconds"] for row in history),
        "images_per_second": _mean(row["images_per_second"] for row in history),
        "parameters": own.parameters,
        "gmacs": own.gmacs,
        "train_images": len(data.train),
        "test_images": {task.name: len(data.test.labelled_for(task)) for task in data.tasks},
        "device": device_name(trainer.device),
        "precision": trainer.precision.name,
        "torch": torch.__version__,
        "finished": True,
    }
    if len(data.tasks) == 1:
        name = data.tasks[0].name
        results |= {"validation": best["validation"][name], "baseline_key": config.key(name)}
    return results


def comparison(tasks: Sequence[Task], found: Evaluation, baselines: Baselines) -> dict:
    """The part that compares a multi-task network with its baselines."""
    delta = {
        task.name: relative_gain(
            found.metrics[task.name][task.accuracy],
            baselines.metrics[task.name][task.accuracy],
            task.metrics[task.accuracy],
        )
        for task in tasks
    }
    results = {
        "potential": baselines.potential,
        "potential_given": baselines.cost is None,
        "baseline": baselines.metrics,
        "delta": delta,
        "delta_mtl": mean_gain(list(delta.values())),
    }
    if baselines.cost:
        results["single_task_networks"] = {
            "parameters": baselines.cost.parameters,
            "gmacs": baselines.cost.gmacs,
        }
    return results


def without_nan(value: Any) -> Any:
    """The same with null for what is no number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _constants(trainer: Trainer) -> dict[str, dict[str, float]]:
    data = trainer.data
    return evaluate_constants(data.tasks, data.train, trainer.test_loader(data.test)).metrics


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)
