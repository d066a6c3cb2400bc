"""Weights of a gradient rule that are kept for several steps, or follow slowly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class KeptWeights:
    """The weights that a rule has given, by task.

    - `every` R: the rule is solved in one step of R, and its weights are kept in between (PSMGD: Xu
      et al., AAAI 2025, Algorithm 1). The steps in between take one backward pass, so a step at the
      parameters takes (R - 1 + T) / R on average.
    - `smooth` α: w̄ ← α w̄ + (1 - α) w, the first w as it is (CR-MOGM: Zhou et al., NeurIPS 2022,
      Algorithm 1).

    A task without labels in a batch keeps its weight. A step with a task that has none yet is
    solved, and so is one after a step without an answer.

        >>> kept = KeptWeights(2, every=2, smooth=0.5)
        >>> kept.next([0, 1])  # nothing is known
        >>> kept.solved([0, 1], torch.tensor([0.25, 0.75]))
        tensor([0.2500, 0.7500], dtype=torch.float64)
        >>> kept.next([0, 1])
        [0.25, 0.75]
        >>> kept.next([0, 1])  # time to solve again
        >>> kept.solved([0], torch.tensor([0.75]))
        tensor([0.5000], dtype=torch.float64)

    Args:
        tasks: their number.
        every: R, from 1.
        smooth: α in [0, 1).
    """

    def __init__(self, tasks: int, every: int = 1, smooth: float = 0.0):
        self.every, self.smooth = every, smooth
        self.values = [math.nan] * tasks
        self.age = 0

    def next(self, active: Sequence[int]) -> list[float] | None:
        """The weights of the active tasks for a step that is not solved; None: it is to be."""
        values = [self.values[t] for t in active]
        if self.age >= self.every - 1 or any(map(math.isnan, values)):
            return None
        self.age += 1
        return values

    def solved(self, active: Sequence[int], weights: Tensor) -> Tensor:
        """Takes the weights (n) that the rule found, and gives those of the step, float64."""
        weights = weights.double()
        if self.smooth:
            old = torch.tensor([self.values[t] for t in active], dtype=torch.float64)
            mixed = self.smooth * old + (1 - self.smooth) * weights
            weights = torch.where(old.isnan(), weights, mixed)
        for t, weight in zip(active, weights.tolist(), strict=True):
            self.values[t] = weight
        self.age = 0
        return weights

    def state_dict(self) -> dict[str, Any]:
        return {"values": list(self.values), "age": self.age}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values, self.age = list(state["values"]), state["age"]
