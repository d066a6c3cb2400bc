"""What a weighting is: a rule for the weights w_t of the tasks, from whatever it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from utils.part import Part


class Weighting(Part):
    """Gives the tasks' weights before each step.

    Args:
        tasks: the names of all T tasks, in order.
        total: what the weights add up to where a method normalises them, and where they are equal.
        potential: task -> accuracy of the single-task network; None where no task has one.
        generator: for methods that draw.
        options: the values of the options, by name.
    """

    section = "loss"

    needs_losses: ClassVar[bool] = False
    """Whether `weights` looks at the losses."""
    needs_losses_after: ClassVar[bool] = False
    """Whether `after_step` must be called, which costs a forward pass a step."""
    by_halves: ClassVar[bool] = False
    """Whether it learns from the halves of each batch, which must then come in parts; see
    `losses.bilevel`."""
    no_geometric: ClassVar[str | None] = None
    """Why a geometric mean with these weights has no meaning, where it has none."""
    total: ClassVar[str] = "one"
    """What the weights add up to under an arithmetic mean: "one", or "tasks" for T."""
    needs: ClassVar[str] = ""
    """What a run must have besides labels, for the table of the losses."""
    checked: ClassVar[str] = ""
    """What the tests compare it with, for the table of the losses."""
    state: ClassVar[tuple[str, ...]] = ()
    """The attributes that change during training."""

    def __init__(
        self,
        tasks: Sequence[str],
        total: float,
        potential: dict[str, float] | None,
        generator: torch.Generator,
        **options: Any,
    ):
        super().__init__(**options)
        self.tasks = tuple(tasks)
        self.sum = total
        self.potential = potential
        self.generator = generator

    def weights(self, active: Sequence[int], losses: Tensor | None) -> Sequence[float] | Tensor:
        """The weights of the active tasks of a step.

        Args:
            active: their indices in `tasks`.
            losses: (len(active)), their losses over the whole batch, no graph; None unless
                `needs_losses`.

        Returns:
            One weight each: numbers, or a tensor of the losses' type on their device.
        """
        raise NotImplementedError

    def current(self) -> list[float]:
        """The weights of all tasks as they were last used, for logs and tables."""
        raise NotImplementedError

    def after_step(self, active: Sequence[int], losses: Tensor) -> None:
        """The losses (len(active)) of the same batch after the optimizer's step."""

    def end_epoch(self) -> None:
        """An epoch is over."""

    def evaluated(self, accuracy: dict[str, float]) -> None:
        """The tasks' accuracies on the validation set; NaN where there was nothing to measure."""

    def equal(self) -> list[float]:
        return [self.sum / len(self.tasks)] * len(self.tasks)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.state:
            setattr(self, name, state[name])
