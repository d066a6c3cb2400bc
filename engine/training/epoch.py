"""The steps of one epoch, collected for the records."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class EpochSteps:
    """Collects the steps of an epoch. The losses stay on the device until :meth:`take_rows`.

    An epoch that was interrupted goes on from its state, which holds what was taken.

    Args:
        tasks: the names of all tasks, in order.

    Attributes:
        epoch: its number, from 1.
        batches: how many of its batches are done; the loop, which takes them, sets it.
    """

    def __init__(self, tasks: Sequence[str]):
        self.tasks = list(tasks)
        self.begin(1)

    def begin(self, epoch: int) -> None:
        """Starts an epoch anew."""
        self.epoch, self.batches, self.images = epoch, 0, 0
        self._rate = math.nan
        self._seconds, self._since = 0.0, time.perf_counter()
        self._sums, self._counts = dict.fromkeys(self.tasks, 0.0), dict.fromkeys(self.tasks, 0)
        self._forget()

    def go_on(self) -> None:
        """Starts the clock, for the batches that are left."""
        self._since = time.perf_counter()

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
        if statistics:
            self._gradients.append({"epoch": self.epoch, "step": step, **statistics})
        self.images += images
        self._rate = rate

    def take_rows(self) -> tuple[list[dict], list[dict]]:
        """The rows of the steps since the last call, and the gradient statistics of those that have
        some. Waits for the device. A loss is NaN in the row of a step in which its task was not
        active."""
        losses, rows = self._read_losses(), []
        for step, values in zip(self._steps, losses, strict=True):
            for task, value in values.items():
                self._sums[task] += value
                self._counts[task] += 1
            columns = {f"loss {task}": values.get(task, math.nan) for task in self.tasks}
            rows.append({**step, **columns})
        gradients = self._gradients
        self._forget()
        self._seconds += time.perf_counter() - self._since
        self._since = time.perf_counter()
        return rows, gradients

    def summary(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The row of the epoch, of all steps whose rows were taken. The loss of a task is the mean
        over the steps in which it was active."""
        seconds = max(self._seconds, 1e-9)
        row = {"epoch": self.epoch, "lr": self._rate, "seconds": seconds}
        row["images_per_second"] = self.images / seconds
        for task, total in self._sums.items():
            row[f"loss {task}"] = total / self._counts[task] if self._counts[task] else math.nan
        return row | {f"weight {task}": weight for task, weight in weights.items()}

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "batches": self.batches,
            "images": self.images,
            "lr": self._rate,
            "seconds": self._seconds,
            "sums": dict(self._sums),
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.begin(state["epoch"])
        self.batches, self.images, self._rate = state["batches"], state["images"], state["lr"]
        self._seconds = state["seconds"]
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])

    def _forget(self) -> None:
        self._steps: list[dict] = []
        self._losses: list[Mapping[str, Tensor]] = []
        self._gradients: list[dict] = []

    def _read_losses(self) -> list[dict[str, float]]:
        """The losses of every step as numbers, read from the device at once."""
        scalars = [loss for losses in self._losses for loss in losses.values()]
        numbers = iter(torch.stack(scalars).tolist() if scalars else ())
        return [{task: next(numbers) for task in losses} for losses in self._losses]
