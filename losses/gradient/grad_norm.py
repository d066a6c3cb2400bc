"""Loss weights learned so that every task trains at a similar rate."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from utils.option import option

# The weights stay positive: a task is never trained away from its goal.
_SMALLEST_WEIGHT = 1e-3


class GradNorm(Aggregator):
    """Weights w_t, T in sum, learned by Adam on Σ_t | w_t ‖g_t‖ - mean(w ‖g‖) r_t^α | with the mean
    and the rates held fixed (Chen et al., ICML 2018, eq. 1, 2 and Algorithm 1). r_t is the task's
    loss over its first one, divided by the mean of these over the tasks.

    A step uses the weights learned until then. Only the tasks that take part are compared and
    moved, and they keep what they had in sum; a task's first loss is that of the first batch in
    which it takes part.
    """

    alpha: float = option(
        1.5, "how strongly tasks that train slowly are favoured", search=(0.0, 3.0)
    )
    weight_lr: float = option(0.025, "learning rate (Adam) of the weights", above=0)
    at = "last_layer"
    needs_losses = True
    weighs_heads = True
    moves_slowly = "it moves its weights in every step"
    checked = "autograd of its sum, and Adam"
    state = ("current", "first", "mean", "square", "steps")

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        size = len(self.tasks)
        self.current = torch.ones(size, dtype=torch.float64)
        self.first = torch.full((size,), torch.nan, dtype=torch.float64)
        self.mean, self.square, self.steps = (torch.zeros(size).double() for _ in range(3))

    def weights(self, gramian, active, losses):
        at, losses = torch.tensor(active), losses.double()
        used = self.current[at].clone()
        first = self.first[at]
        self.first[at] = torch.where(first.isnan(), losses, first)
        ratio = (losses / self.first[at].clamp(min=1e-8)).clamp(min=1e-8)
        norms = gramian.double().diagonal().clamp(min=0).sqrt()
        target = (used * norms).mean() * (ratio / ratio.mean()) ** self.alpha
        slope = norms * (used * norms - target).sign()
        if slope.isfinite().all():
            moved = (used - self._adam(at, slope)).clamp(min=_SMALLEST_WEIGHT)
            self.current[at] = moved * used.sum() / moved.sum()
        return used

    def _adam(self, at: Tensor, slope: Tensor) -> Tensor:
        """Adam's step for the tasks that take part, with its usual constants."""
        self.steps[at] += 1
        self.mean[at] += 0.1 * (slope - self.mean[at])
        self.square[at] += 0.001 * (slope**2 - self.square[at])
        mean = self.mean[at] / (1 - 0.9 ** self.steps[at])
        square = self.square[at] / (1 - 0.999 ** self.steps[at])
        return self.weight_lr * mean / (square.sqrt() + 1e-8)
