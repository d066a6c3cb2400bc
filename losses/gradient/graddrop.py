"""Gradients dropped at random, position by position of the shared features, where their signs
disagree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from utils.errors import ConfigError
from utils.option import option
from utils.transfer import tensor_on


class GradDrop(Aggregator):
    """With G_t the sum over the batch of sign(activation) · gradient at a position of the shared
    maps, the tasks with G_t > 0 are kept there with probability P, and those with G_t < 0
    otherwise; P = ½ (1 + Σ_t G_t / Σ_t |G_t|). What is kept is the same for all images: the
    gradient of each is multiplied by l_t + (1 - l_t) · (1 if task t is kept, else 0), and summed
    over the tasks (Chen et al., NeurIPS 2020, Algorithm 1, with f the identity).

    Raises:
        ConfigError: `leak` has neither one number nor one a task.
    """

    version = 2  # the signs of the activations, sums over the batch, one mask for all images
    at = "features"
    by_position = True
    checked = "the paper's procedure, position by position"

    leak: tuple[float, ...] = option(
        (0.0,),
        "l, the share of a gradient that is never dropped: of all tasks, or of each in their order",
        at_least=0,
        at_most=1,
    )

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        if len(self.leak) not in (1, len(self.tasks)):
            raise ConfigError(
                f"leak has {len(self.leak)} numbers for {len(self.tasks)} tasks "
                f"({', '.join(self.tasks)}); give one for all, or one each",
                "leak",
            )
        self._leaks = self.leak * len(self.tasks) if len(self.leak) == 1 else self.leak

    def factors(self, sums: Tensor, active: Sequence[int]) -> Tensor:
        # P > U is ΣG > (2U - 1) Σ|G|: no division, where all are zero.
        draw = sums.new_empty(sums.shape[1]).uniform_(-1, 1, generator=self._on(sums.device))
        margin = sums.sum(dim=0) - draw * sums.abs().sum(dim=0)
        kept = (sums > 0) & (margin > 0) | (sums < 0) & (margin < 0)
        leaks = tensor_on(sums.device, [self._leaks[t] for t in active], sums.dtype)
        return torch.where(kept, 1.0, leaks.unsqueeze(1))

    def _on(self, device: torch.device) -> torch.Generator:
        """A generator there, seeded from the objective's."""
        seed = torch.randint(2**62, (), generator=self.generator).item()
        return torch.Generator(device).manual_seed(seed)
