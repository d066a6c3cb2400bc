"""Steps that are undone because a loss was not a number (`on_nan = skip`)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.training.task_losses import LossFunction
from utils.errors import UserError

MOST_IN_A_ROW = 5


class NotANumber(Exception):
    """A loss of this step is not a number; the message names its task."""


class SkippedSteps:
    """Takes the parts of a training back to before a step, and counts such steps.

    Args:
        parts: everything that a step changes, each with `state_dict` and `load_state_dict`.

    Attributes:
        count: the number of steps that were undone.
    """

    def __init__(self, parts: Sequence[Any]):
        self.parts = list(parts)
        self.count = self.in_a_row = 0
        self._before: list[Any] = []

    def remember(self) -> None:
        """Keeps the state before a step."""
        self._before = [copy.deepcopy(part.state_dict()) for part in self.parts]

    def undo(self, step: int, reason: NotANumber) -> None:
        """Takes the parts back to before the step.

        Raises:
            UserError: it was one too many in a row.
        """
        for part, state in zip(self.parts, self._before, strict=True):
            part.load_state_dict(state)
        self.count += 1
        self.in_a_row += 1
        if self.in_a_row > MOST_IN_A_ROW:
            raise UserError(
                f"{reason} in step {step}, and so it was in the {MOST_IN_A_ROW} steps before, "
                "which were undone; lower --lr, lengthen --warmup_epoch or set --clip_grad, with "
                "--restart or --run NAME"
            )

    def done(self) -> None:
        """A step has come to its end."""
        self.in_a_row = 0

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count, "in_a_row": self.in_a_row}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self.count, self.in_a_row = state["count"], state["in_a_row"]


def of_numbers(task_losses: LossFunction) -> LossFunction:
    """A loss function that waits for the device, and raises `NotANumber` where a loss is none."""

    def checked() -> dict[str, Tensor]:
        losses = task_losses()
        finite = torch.stack([loss.detach().isfinite() for loss in losses.values()]).tolist()
        for task, is_finite in zip(losses, finite, strict=True):
            if not is_finite:
                raise NotANumber(f"the loss of {task} was not a number")
        return losses

    return checked
