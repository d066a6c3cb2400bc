"""What rules have in common that compare the gradients of parts of a batch."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from losses.gradient.base import Aggregator


class PartsAggregator(Aggregator):
    """A rule that moves weights on the simplex in every step, by the products of the gradients of
    two independent samples; the step is made with those of a third. One sample for both would give
    the length of a noisy gradient, which is too long.

    The samples are the images i of the batch with i mod 3 = 0, 1 and 2: a batch needs three. The
    weights begin equal. Those of the tasks that take part keep what they had in sum.

    Attributes:
        shares: (T) the weights of all tasks, times T.
    """

    compares_parts = True
    moves_slowly = "it moves its weights in every step"
    backwards = "2T + 1"
    needs = "batches of 3 images or more"
    state = ("shares",)

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.shares: Tensor = torch.ones(len(self.tasks), dtype=torch.float64)

    def weights(self, gramian, active, losses):
        at = list(active)
        mine = self.shares[at]
        total = mine.sum()
        shares = mine / total if total > 0 else torch.full_like(mine, 1 / len(mine))
        shares = self.moved(gramian.double(), shares)
        self.shares = self.shares.index_copy(0, torch.tensor(at), shares * total)
        return shares

    @abstractmethod
    def moved(self, products: Tensor, shares: Tensor) -> Tensor:
        """The weights after a step, (n) on the simplex.

        Args:
            products: (n, n) float64, of the gradients of the two samples.
            shares: (n) the weights before it, on the simplex.
        """
