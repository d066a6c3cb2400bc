"""What a gradient rule is: how the T gradients of the shared parameters become one update."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    needs_losses: bool = False
    weighs_heads: ClassVar[bool] = False
    """Whether the weights are weights of the losses, so that each task's own parameters get theirs
    as well. Such a rule has an attribute `current`, the (T) weights of the next step."""
    whole: ClassVar[bool] = False
    """Whether it needs the whole matrix of the gradients: it then has `combine` instead of
    `weights`."""
    by_position: ClassVar[bool] = False
    """Whether it gives each task's gradient a factor at each position of the shared features: it
    then has `factors` instead of `weights`, and works there alone."""
    compares_parts: ClassVar[bool] = False
    """Whether it needs the gradients of independent parts of the batch. `weights` then gets the
    inner products of those of the first part (rows) with those of the second (columns), and weighs
    those of the third."""
    moves_slowly: ClassVar[str] = ""
    """Why its weights cannot be kept for several steps, where they cannot."""
    backwards: ClassVar[str] = "T"
    """How many backward passes through the shared layers a step takes at the parameters."""
    needs: ClassVar[str] = ""
    """What a run must have besides the gradients, for the table of the losses."""
    checked: ClassVar[str] = ""
    """What the tests compare it with, for the table of the losses."""
    state: ClassVar[tuple[str, ...]] = ()
    """The attributes that change during training."""

    def __init__(self, tasks: Sequence[str], generator: torch.Generator, **options: Any):
        super().__init__(**options)
        self.tasks = tuple(tasks)
        self.generator = generator
        # Of a rule that remembers: which shared parameters have ever had a gradient.
        self.used: list[bool] = []

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

    @classmethod
    def remembers(cls, values: Mapping[str, Any]) -> str:
        """What it keeps of the gradients of earlier steps with these options, in words for the
        table of the losses; empty: nothing. A rule that does has `track`, works at the parameters
        alone, and every process has all rows."""
        return ""

    @classmethod
    def by_layer(cls, values: Mapping[str, Any]) -> bool:
        """Whether, with these options, it has weights for each parameter tensor: `layer_weights`
        instead of `weights`, at the parameters alone."""
        return False

    def differentiated(self, active: Sequence[int]) -> Sequence[int]:
        """The positions in `active` of the tasks whose gradients this step needs, in order."""
        return range(len(active))

    def track(
        self,
        rows: Sequence[Tensor],
        norms: Tensor,
        active: Sequence[int],
        losses: Tensor | None,
    ) -> tuple[Sequence[Tensor], Sequence[int]]:
        """The gradients that are weighed in the place of those of a step; only of rules that
        remember.

        Args:
            rows: of the tasks at `differentiated(active)`, finite.
            norms: their lengths, float64 on the CPU.
            active, losses: those of `weights`.

        Returns:
            1-d tensors that are not to be changed, and the positions of their tasks in `active`.
        """
        raise NotImplementedError

    def layer_weights(self, gramians: Tensor, active: Sequence[int]) -> Tensor:
        """(K, n) float64 weights from the (K, n, n) Gramians of the parameter tensors; only of
        rules `by_layer`."""
        raise NotImplementedError

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
        state = {name: getattr(self, name) for name in self.state}
        return state | {"used": self.used} if self.used else state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.used = state.get("used", [])
        for name in self.state:
            setattr(self, name, state[name])


class RandomAggregator(Aggregator):
    """A rule whose function takes the generator as well."""

    def weights(self, gramian, active, losses):
        return type(self).weigh(gramian, generator=self.generator, **self.settings)


class NoAggregator(Part):
    """No gradient rule: the network is trained by Σ c_t ∇L_t, in one backward pass."""

    section = "loss"
