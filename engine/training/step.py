"""One step of training: a batch in, an update of the weights out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from datasets.batch import Batch
from engine.training.precision import Precision
from engine.training.task_losses import TaskLosses
from losses import Objective


class Step:
    """Trains a network on one batch after the other.

    Args:
        task_losses: gives the losses of a batch.
        objective: makes gradients of the losses.
        optimizer: of all that is trained.
        precision: mixed precision, and the scale of the losses.
        clip_grad: the largest norm of the gradient; 0 for no limit.
        averaged: a moving average of the network, which follows every update.
    """

    def __init__(
        self,
        task_losses: TaskLosses,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        precision: Precision,
        clip_grad: float = 0.0,
        averaged: AveragedModel | None = None,
    ):
        self.task_losses = task_losses
        self.objective = objective
        self.optimizer = optimizer
        self.precision = precision
        self.clip_grad = clip_grad
        self.averaged = averaged
        self.divergence = Divergence(objective.tasks, precision.device)

    def __call__(
        self, batch: Batch, number: int, statistics: dict[str, float] | None = None
    ) -> dict[str, Tensor]:
        """Updates the weights by one batch.

        Args:
            batch: on the device.
            number: of the step, counted from 1.
            statistics: takes those of the gradients, where they are wanted.

        Returns:
            The losses before the first update, of the active tasks.
        """
        active, losses_of = self.task_losses.active(batch), self.task_losses.on(batch)
        first: dict[str, Tensor] = {}
        for group in self.objective.groups() if active else ():
            if active.isdisjoint(group):
                continue
            losses = losses_of()
            if not first:
                first = losses
                self._gradient_statistics(losses, statistics)
            self.divergence.observe(losses, number)
            self.optimizer.zero_grad(set_to_none=True)
            self.objective.backward(
                losses, self.task_losses.model, group, scale=self.precision.scale()
            )
            self._update()
        if active:
            self.objective.after_step(losses_of)
        return first

    def _gradient_statistics(self, losses, statistics) -> None:
        if statistics is not None:
            model, scale = self.task_losses.model, self.precision.scale()
            statistics |= self.objective.gradient_statistics(losses, model, scale)

    def _update(self) -> None:
        scaler = self.precision.scaler
        scaler.unscale_(self.optimizer)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        if self.clip_grad:
            nn.utils.clip_grad_norm_(parameters, self.clip_grad)
        if self.divergence.suppresses(parameters):
            return
        scaler.step(self.optimizer)
        scaler.update()
        if self.averaged is not None:
            self.averaged.update_parameters(self.task_losses.network)


class Divergence:
    """Notices the first loss that is not a number, on the device, so that a GPU need not wait.

    Args:
        tasks: the names of the tasks.
        device: of the losses.
    """

    def __init__(self, tasks: Sequence[str], device: torch.device):
        self.tasks = list(tasks)
        self._first = torch.full((2,), -1, dtype=torch.int64, device=device)  # step, task

    def observe(self, losses: dict[str, Tensor], step: int) -> None:
        """Looks at the losses of a step."""
        bad = ~torch.stack([loss.detach() for loss in losses.values()]).isfinite()
        indices = torch.tensor([self.tasks.index(task) for task in losses])
        indices = indices.to(bad.device, non_blocking=True)
        place = torch.stack([torch.full_like(indices[0], step), indices[bad.int().argmax()]])
        self._first = torch.where((self._first[0] < 0) & bad.any(), place, self._first)

    def suppresses(self, parameters: Sequence[nn.Parameter]) -> bool:
        """Whether an update must not be made, as far as that is known without waiting. On a GPU it
        is not known, and the gradients become zero after a loss that was not a number."""
        bad = self._first[0] >= 0
        if bad.device.type == "cpu":
            return bool(bad)
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.masked_fill_(bad, 0.0)
        return False

    def first(self) -> tuple[int, str] | None:
        """The step and the task of the first loss that was not a number. Waits for the device."""
        step, task = self._first.tolist()
        return None if step < 0 else (step, self.tasks[task])
