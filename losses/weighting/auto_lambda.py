"""Weights that lower the losses on held-out images after the next step."""

from __future__ import annotations

import torch

from losses.weighting.learned import LearnedWeighting
from utils.errors import ConfigError
from utils.option import nearest, option


class AutoLambda(LearnedWeighting):
    """w_t = w_0 (1 + s_t), at least 0, with w_0 the equal weight and s learned by Adam so that a
    step by Σ w_t L_t on one half of a batch lowers Σ L_p on the other half, over the primary tasks
    p (Liu et al., TMLR 2022, eq. 3 to 6). The derivatives are found by
    :class:`losses.bilevel.BilevelObjective`.

    The paper's weights begin at 0.1 and move by 1e-4; the rate here is that share of the start.

        >>> from losses import build
        >>> weighting = build("auto-lambda", ["depth", "normal"]).weighting
        >>> weighting.lower([0, 1], torch.tensor([-1.0, 1.0]))  # more of the first would lower it
        >>> [round(weight, 4) for weight in weighting.current()]
        [0.5005, 0.4995]

    Raises:
        ConfigError: a primary task that is none of the tasks.
    """

    primary: tuple[str, ...] = option(
        (), "the tasks that all of this is for, the others are to help them; none: all tasks"
    )
    weight_lr: float = option(0.001, "learning rate (Adam) of the weights", above=0)
    needs_losses = False
    by_halves = True
    no_geometric = "its look-ahead is a step by a weighted sum"
    needs = "batches of 2 images or more"
    checked = "autograd through the step"

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        for task in self.primary:
            if task not in self.tasks:
                hint = nearest(task, self.tasks)
                raise ConfigError(f"primary names '{task}', which is no task{hint}", "primary")

    def is_primary(self, task: str) -> bool:
        """Whether the loss of a task is what the weights are to lower."""
        return not self.primary or task in self.primary

    def weights(self, active, losses):
        current = self.current()
        return [current[t] for t in active]

    def lower(self, active, slopes: torch.Tensor) -> None:
        """Moves the weights of the active tasks.

        Args:
            slopes: (n) the derivatives of what is to fall by their weights.
        """
        self.numbers(active, slopes)  # which moves them to where the slopes are
        self.learn(active, slopes * (self.sum / len(self.tasks)))

    def all_weights(self, numbers):
        return (self.sum / len(self.tasks) * (1 + numbers)).clamp(min=0)
