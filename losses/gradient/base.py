"""What a gradient rule is: how the T gradients of the shared parameters become one update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from utils.part import Part


class Aggregator(Part):
    """Combines the tasks' gradients as Σ α_t g_t, with weights α_t from their Gramian.

    The gradients are those of the *weighted* losses c_t L_t. The parameters of a task's own get the
    gradient of c_t L_t, whatever the rule makes of the shared ones.

    Args:
        tasks: the names of all T tasks, in order.
        generator: for rules that draw.
        options: the values of the options, by name.
    """

    section = "loss"

    weigh: ClassVar[Callable[..., Tensor]]
    """The pure function of the Gramian; its keyword arguments are the options."""
    at: ClassVar[str] = "parameters"
    """Where the paper takes the gradients: one of `losses.gradient.PLACES`."""
    needs_losses: ClassVar[bool] = False
    weighs_heads: ClassVar[bool] = False
    """Whether the weights are weights of the losses, so that each task's own parameters get theirs
    as well. Such a rule has an attribute `current`, the (T) weights of the next step."""
    whole: ClassVar[bool] = False
    """Whether it needs the whole matrix of the gradients: it then has `combine` instead of
    `weights`."""
    by_position: ClassVar[bool] = False
    """Whether it gives each task's gradient a factor at each position of the shared features: it
    then has `factors` instead of `weights`, and works there alone."""
    state: ClassVar[tuple[str, ...]] = ()
    """The attributes that change during training."""

    def __init__(self, tasks: Sequence[str], generator: torch.Generator, **options: Any):
        super().__init__(**options)
        self.tasks = tuple(tasks)
        self.generator = generator

    def weights(self, gramian: Tensor, active: Sequence[int], losses: Tensor | None) -> Tensor:
        """The weights α_t of a step.

        Args:
            gramian: (n, n) on the CPU, of the gradients of the active tasks, in order.
            active: (n) their indices in `tasks`.
            losses: (n) on the CPU, their losses; None unless `needs_losses`.

        Returns:
            (n) float64.

        Raises:
            losses.gradient.gramian.Unsolved: there is no answer for these gradients.
        """
        return type(self).weigh(gramian, **self.settings)

    def combine(self, gradients: Sequence[Tensor]) -> Tensor:
        """The update from the n gradients, 1-d tensors; only of `whole` rules."""
        raise NotImplementedError

    def factors(self, sums: Tensor, active: Sequence[int]) -> Tensor:
        """The factors of the n gradients, (n, positions); only of rules `by_position`.

        Args:
            sums: (n, positions) over all images of the batch, of sign(activation) · gradient.
            active: (n) the tasks' indices in `tasks`.
        """
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.state:
            setattr(self, name, state[name])


class RandomAggregator(Aggregator):
    """A rule whose function takes the generator as well."""

    def weights(self, gramian, active, losses):
        return type(self).weigh(gramian, generator=self.generator, **self.settings)


class NoAggregator(Part):
    """No gradient rule: the network is trained by Σ c_t ∇L_t, in one backward pass."""

    section = "loss"
