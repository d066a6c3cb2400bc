"""The steps of one epoch, collected for the records."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class EpochSteps:
    """Collects the steps of an epoch. The losses stay on the device until the epoch is finished.

    Args:
        epoch: its number, from 1.
        tasks: the names of all tasks, in order.

    Attributes:
        gradient_rows: the gradient statistics of the steps that have some.
    """

    def __init__(self, epoch: int, tasks: Sequence[str]):
        self.epoch, self.tasks = epoch, list(tasks)
        self.started = time.perf_counter()
        self.images = 0
        self.gradient_rows: list[dict] = []
        self._steps: list[dict] = []
        self._losses: list[Mapping[str, Tensor]] = []

    def add(
        self,
        step: int,
        rate: float,
        losses: Mapping[str, Tensor],
        images: int,
        statistics: Mapping[str, float] | None = None,
    ) -> None:
        """Adds a step.

        Args:
            step: its number, counted from 1 over all epochs.
            rate: the learning rate.
            losses: active task -> its loss, a detached scalar.
            images: the number of images in the batch.
            statistics: of the gradients.
        """
        self._steps.append({"epoch": self.epoch, "step": step, "lr": rate})
        self._losses.append(losses)
        self.images += images
        if statistics:
            self.gradient_rows.append({"epoch": self.epoch, "step": step, **statistics})

    def finish(self, weights: Mapping[str, float]) -> tuple[list[dict], dict]:
        """The rows of the steps, and the row of the epoch. Waits for the device.

        A loss is NaN in the row of a step in which its task was not active. The loss of the epoch
        is the mean over the other steps.
        """
        losses = self._read_losses()
        seconds = time.perf_counter() - self.started
        rows = [
            {**step, **{f"loss {task}": values.get(task, math.nan) for task in self.tasks}}
            for step, values in zip(self._steps, losses, strict=True)
        ]
        row = {"epoch": self.epoch, "lr": self._steps[-1]["lr"], "seconds": seconds}
        row["images_per_second"] = self.images / seconds
        for task in self.tasks:
            row[f"loss {task}"] = _mean([values[task] for values in losses if task in values])
        return rows, row | {f"weight {task}": weight for task, weight in weights.items()}

    def _read_losses(self) -> list[dict[str, float]]:
        """The losses of every step as numbers, read from the device at once."""
        scalars = [loss for losses in self._losses for loss in losses.values()]
        numbers = iter(torch.stack(scalars).tolist() if scalars else ())
        return [{task: next(numbers) for task in losses} for losses in self._losses]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
