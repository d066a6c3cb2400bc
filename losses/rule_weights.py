"""The weights of a gradient rule in a step, from the Gramian of the gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved
from losses.gradient.kept_weights import KeptWeights
from utils.ranks import Ranks


class Step(NamedTuple):
    """What a rule may know of a step besides the gradients."""

    active: Sequence[int]
    values: Tensor | None
    scale: float

    def of(self, positions: Sequence[int]) -> Step:
        """The same for some of the active tasks."""
        values = None if self.values is None else self.values[list(positions)]
        return Step([self.active[k] for k in positions], values, self.scale)


class RuleWeights:
    """Solves a gradient rule, wherever it takes the gradients.

    Args:
        rule: the gradient rule.
        name: its name, for the log.
        log: takes a line that the user should read.
        ranks: the processes that share the batch.
        kept: the weights that the rule has given.

    Attributes:
        unsolved: the number of steps in which the rule had no answer.
    """

    def __init__(
        self,
        rule: Aggregator,
        name: str,
        log: Callable[[str], None],
        ranks: Ranks,
        kept: KeptWeights,
    ):
        self.rule, self.name, self.log = rule, name, log
        self.ranks, self.kept = ranks, kept
        self.unsolved = 0

    def weights(self, step: Step, gram: Tensor, dtype: torch.dtype) -> list[float]:
        """The rule's weights, the same on all processes; equal ones where it has none.

        Args:
            gram: (T, T) the Gramian of this process's part of the gradients.
            dtype: of the gradients.
        """
        gram = self.ranks.sum(gram) / step.scale**2
        # In the gradients' type, which tells the rule how exact they are.
        return self.solved(step, gram.to("cpu", dtype))

    def solved(self, step: Step, gram: Tensor) -> list[float]:
        """The rule's weights from the Gramian of the whole batch's gradients, on the CPU."""
        equal = [1 / len(gram)] * len(gram)
        if not gram.isfinite().all():
            return equal  # an overflow: the step is skipped under loss scaling
        try:
            weights = self.rule.weights(gram, step.active, self.losses(step))
        except Unsolved as reason:
            self.unsolved += 1
            if math.log10(self.unsolved).is_integer():
                self.log(
                    f"{self.name} had no answer ({reason}): equal weights in this step"
                    f" ({self.unsolved} so far)"
                )
            return equal
        return self.kept.solved(step.active, weights).tolist()

    def losses(self, step: Step) -> Tensor | None:
        """The values of the losses on the CPU; None where the rule does not need them."""
        return step.values.cpu() if self.rule.needs_losses else None
