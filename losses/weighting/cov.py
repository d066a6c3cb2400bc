"""Weights from how much each loss still varies."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.mean import SMALLEST_LOSS
from losses.weighting.base import Weighting
from utils.transfer import tensor_on


class CoV(Weighting):
    """w_t ∝ c_t = σ(ℓ_t) / μ(ℓ_t), the coefficient of variation of ℓ_t, the loss over its running
    mean until then (Groenendijk et al., WACV 2021, eq. 2 to 5). A loss that varies much, for what
    it is, is one that still learns.

    Means and deviations are those of all steps before this one, kept by Welford's method. A task's
    c_t is known after two steps with labels; until then it is the mean of the others', and all are
    equal where none is known or varies. The weights of the tasks that take part add up to what
    equal ones would.

        >>> import torch
        >>> from losses import build
        >>> weighting = build("cov", ["depth", "normal"]).weighting
        >>> for row in ([1.0, 1.0], [0.5, 0.9], [0.7, 0.8]):
        ...     weights = weighting.weights([0, 1], torch.tensor(row))
        >>> weights
        tensor([0.8636, 0.1364])
    """

    needs_losses = True
    checked = "the definition, from the whole history"
    state = ("sums", "last")

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        # Of each task: steps, mean loss, mean ratio, and the sum of its squared deviations.
        self.sums: Tensor = torch.zeros(4, len(self.tasks), dtype=torch.float64)
        self.last: Tensor = torch.tensor(self.equal(), dtype=torch.float64)

    def weights(self, active, losses):
        at = tensor_on(losses.device, active)
        self.sums, self.last = self.sums.to(losses.device), self.last.to(losses.device)
        before = self.sums.index_select(1, at)
        shares = variations(before)
        weights = shares * (self.sum * len(active) / len(self.tasks))
        after = with_losses(before, losses.double().clamp(min=SMALLEST_LOSS))
        after = torch.where(losses.isfinite(), after, before)  # an overflow under loss scaling
        self.sums = self.sums.index_copy(1, at, after)
        self.last = self.last.index_copy(0, at, weights)
        return weights.to(losses.dtype)

    def current(self):
        return self.last.tolist()


def variations(sums: Tensor) -> Tensor:
    """(n) coefficients of variation with sum 1, from the (4, n) sums of :class:`CoV`."""
    steps, _, mean, squares = sums.unbind()
    known = steps >= 2
    each = (squares / steps.clamp(min=1)).clamp(min=0).sqrt() / mean.clamp(min=SMALLEST_LOSS)
    each = torch.where(known, each, 0.0)
    filled = torch.where(known, each, each.sum() / known.sum().clamp(min=1))
    total = filled.sum()
    equal = torch.full_like(filled, 1 / len(filled))
    return torch.where(total > 0, filled / total.clamp(min=1e-300), equal)


def with_losses(sums: Tensor, losses: Tensor) -> Tensor:
    """The sums after a step with these losses."""
    steps, loss, mean, squares = sums.unbind()
    ratio = torch.where(steps > 0, losses / loss.clamp(min=SMALLEST_LOSS), 1.0)
    steps = steps + 1
    moved = mean + (ratio - mean) / steps
    squares = squares + (ratio - mean) * (ratio - moved)
    return torch.stack([steps, loss + (losses - loss) / steps, moved, squares])
