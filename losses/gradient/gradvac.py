"""Gradients turned towards one another until they are as similar as they usually are."""

import numpy as np
import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import rule
from losses.gradient.pcgrad import orders
from utils.option import option

# A target of 1 would turn a gradient by an infinite multiple of another.
_HIGHEST_TARGET = 1 - 1e-6


def vaccinate(
    gramians: np.ndarray, targets: np.ndarray, beta: float, generator: torch.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """One step of Gradient Vaccine (Wang et al., ICLR 2021, Algorithm 1 and eq. 2, 3), for K layers
    at once.

    For every task i and every other task j in random order: where the cosine φ of the gradients
    g_i (as changed so far) and g_j is below its target φ̂_ij, g_i is turned towards g_j until it is
    the target; the target then becomes (1 - β) φ̂_ij + β φ.

    Args:
        gramians, targets: (K, T, T).

    Returns:
        (K, T) the weights of the sums of the changed gradients, and (K, T, T) the new targets.
    """
    size, mine = gramians.shape[-1], np.arange(gramians.shape[-1])
    norms = np.sqrt(np.diagonal(gramians, axis1=1, axis2=2).clip(min=0))
    weights, targets = np.tile(np.eye(size), (len(gramians), 1, 1)), targets.copy()
    products = gramians.copy()  # weights @ gramians
    for other in orders(size, generator).T:  # of each row at once
        lengths = np.sqrt((products * weights).sum(axis=2).clip(min=0))
        scale = lengths * norms[:, other]
        used = (scale > 0) & (other != mine)
        inner = products[:, mine, other]
        cosine = np.divide(inner, scale, out=np.ones_like(scale), where=used).clip(-1, 1)
        target = np.minimum(targets[:, mine, other], _HIGHEST_TARGET)
        sine, wanted = np.sqrt(1 - cosine**2), np.sqrt(1 - target**2)
        turn = lengths * (target * sine - cosine * wanted)
        below = used & (cosine < target)
        turn = np.divide(turn, norms[:, other] * wanted, out=np.zeros_like(turn), where=below)
        weights[:, mine, other] += turn
        products += turn[..., None] * gramians[:, other]
        moved = beta * (cosine - targets[:, mine, other])
        targets[:, mine, other] += np.where(used, moved, 0.0)
    return weights.sum(axis=1), targets


@rule
def gradvac(
    gramian: np.ndarray,
    eps: float,
    targets: np.ndarray | None = None,
    generator: torch.Generator | None = None,
) -> np.ndarray:
    """The weights of one step with given targets (zeros where None: then the gradients become
    orthogonal where they conflict, as PCGrad's do, and are summed)."""
    targets = np.zeros_like(gramian) if targets is None else targets
    return vaccinate(gramian[None], targets[None], 0.0, generator)[0][0]


class GradVac(Aggregator):
    """With `per_layer` each parameter tensor has cosines and targets of its own, and its part of a
    gradient is turned alone (the paper's "all_matrix", which it found best beside whole layers)."""

    beta: float = option(
        0.01, "how fast the similarities aimed at follow", at_least=0, at_most=1, search=(1e-3, 0.5)
    )
    per_layer: bool = option(False, "turn the gradient of each parameter tensor by itself")
    weigh = staticmethod(gradvac)
    checked = "TorchJD, for two tasks; PCGrad, for targets of 0"
    state = ("targets",)

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.targets: Tensor = torch.zeros(len(self.tasks), len(self.tasks), dtype=torch.float64)

    @classmethod
    def by_layer(cls, values):
        return values["per_layer"]

    def weights(self, gramian, active, losses):
        return self.layer_weights(gramian.double()[None], active)[0]

    def layer_weights(self, gramians, active):
        if self.per_layer and self.targets.dim() == 2:
            self.targets = self.targets.repeat(len(gramians), 1, 1)
        targets = self.targets.view(-1, *self.targets.shape[-2:]).clone()
        among = np.ix_(range(len(targets)), active, active)
        weights, targets.numpy()[among] = vaccinate(
            gramians.numpy(), targets.numpy()[among], self.beta, self.generator
        )
        self.targets = targets.view(self.targets.shape)
        return torch.from_numpy(weights)
