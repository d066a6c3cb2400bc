"""One step of training: a batch in, an update of the weights out."""

from __future__ import annotations

from collections.abc import Sequence, Set

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from datasets.batch import Batch
from engine.training.divergence import Divergence
from engine.training.precision import Precision
from engine.training.task_losses import LossFunction, TaskLosses
from engine.training.undo import NotANumber, SkippedSteps, of_numbers
from engine.training.whole_batch import WholeBatch
from losses import Objective


class Step:
    """Trains a network on one batch after the other.

    Args:
        task_losses: gives the losses of a batch.
        objective: turns the losses into gradients.
        optimizer: of all parameters that are trained.
        precision: mixed precision, and the scale of the losses.
        clip_grad: the largest norm of the gradient; 0: no limit.
        averaged: a moving average of the network, which follows every update.
        skipped: undoes the steps in which a loss is not a number; None: such a loss ends the
            training.
    """

    def __init__(
        self,
        task_losses: TaskLosses,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        precision: Precision,
        clip_grad: float = 0.0,
        averaged: AveragedModel | None = None,
        skipped: SkippedSteps | None = None,
    ):
        self.task_losses, self.model = task_losses, task_losses.model
        self.objective, self.optimizer, self.precision = objective, optimizer, precision
        self.clip_grad, self.averaged, self.skipped = clip_grad, averaged, skipped
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.divergence = Divergence(objective.tasks, precision.device)

    def __call__(
        self,
        batch: Batch,
        number: int,
        statistics: dict[str, float] | None = None,
        whole: WholeBatch | None = None,
    ) -> dict[str, Tensor]:
        """Updates the weights by one batch.

        Args:
            batch: this process's share, on the device.
            number: of the step, counted from 1.
            statistics: is filled with the statistics of the gradients; None: they are not wanted.
            whole: what is known of all shares; asked for where it is not yet.

        Returns:
            Active task -> its loss before the first update; empty for a batch without labels, and
            for a step that was undone.
        """
        if self.skipped is None:
            return self._update_by(batch, number, statistics, whole)
        self.skipped.remember()
        try:
            losses = self._update_by(batch, number, statistics, whole)
        except NotANumber as reason:
            self.skipped.undo(number, reason)
            return {}
        self.skipped.done()
        return losses

    def _update_by(self, batch, number, statistics, whole) -> dict[str, Tensor]:
        active, task_losses = self._losses_of(batch, number, whole)
        if not active:
            return {}
        self.objective.begin_step(number, self.optimizer.param_groups[0]["lr"])
        before: dict[str, Tensor] = {}
        for group in self.objective.groups():
            if active.isdisjoint(group):
                continue
            losses = self._differentiate(task_losses, group, None if before else statistics)
            self.divergence.observe(losses, number)
            before = before or losses
            self._update()
        self._after(task_losses)
        return before

    def _losses_of(
        self, batch: Batch, number: int, whole: WholeBatch | None
    ) -> tuple[Set[str], LossFunction]:
        active, task_losses = self.task_losses.on(batch, number, whole)
        return active, task_losses if self.skipped is None else of_numbers(task_losses)

    def _differentiate(
        self, task_losses: LossFunction, group: Sequence[str], statistics: dict[str, float] | None
    ) -> dict[str, Tensor]:
        """Fills `.grad` by the tasks of a group; returns the losses, detached."""
        losses, scale = task_losses(), self.precision.scale()
        if statistics is not None:
            statistics |= self.objective.gradient_statistics(losses, self.model, scale)
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.backward(losses, self.model, group, scale=scale)
        return {task: loss.detach() for task, loss in losses.items()}

    def _after(self, task_losses: LossFunction) -> None:
        self.objective.after_step(task_losses)

    def _update(self) -> None:
        scaler = self.precision.scaler
        scaler.unscale_(self.optimizer)
        if self.clip_grad:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_grad)
        if self.divergence.suppress_update(self.parameters):
            return
        scaler.step(self.optimizer)
        scaler.update()
        if self.averaged is not None:
            self.averaged.update_parameters(self.task_losses.network)
