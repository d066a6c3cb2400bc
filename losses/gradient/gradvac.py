"""Gradients turned towards one another until they are as similar as they usually are."""

import numpy as np
import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import rule
from utils.option import option

# A target of 1 would turn a gradient by an infinite multiple of another.
_HIGHEST_TARGET = 1 - 1e-6


def vaccinate(
    gramian: np.ndarray, targets: np.ndarray, beta: float, generator: torch.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """One step of Gradient Vaccine (Wang et al., ICLR 2021, Algorithm 1 and eq. 2, 3).

    For every task i and every other task j in random order: where the cosine φ of the gradients
    g_i (as changed so far) and g_j is below its target φ̂_ij, g_i is turned towards g_j until it is
    the target; the target then becomes (1 - β) φ̂_ij + β φ.

    Returns:
        (T) the weights of the sum of the changed gradients, and (T, T) the new targets.
    """
    size = len(gramian)
    norms = np.sqrt(np.diag(gramian).clip(min=0))
    weights, targets = np.eye(size), targets.copy()
    for mine in range(size):
        for other in torch.randperm(size, generator=generator).tolist():
            norm = np.sqrt(max(weights[mine] @ gramian @ weights[mine], 0.0))
            if other == mine or norm * norms[other] == 0:
                continue
            cosine = np.clip(gramian[other] @ weights[mine] / (norm * norms[other]), -1, 1)
            target = min(targets[mine, other], _HIGHEST_TARGET)
            if cosine < target:
                sine, wanted = np.sqrt(1 - cosine**2), np.sqrt(1 - target**2)
                turn = norm * (target * sine - cosine * wanted)
                weights[mine, other] += turn / (norms[other] * wanted)
            targets[mine, other] += beta * (cosine - targets[mine, other])
    return weights.sum(axis=0), targets


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
    return vaccinate(gramian, targets, 0.0, generator)[0]


class GradVac(Aggregator):
    beta: float = option(
        0.01, "how fast the similarities aimed at follow", at_least=0, at_most=1, search=(1e-3, 0.5)
    )
    weigh = staticmethod(gradvac)
    state = ("targets",)

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.targets: Tensor = torch.zeros(len(self.tasks), len(self.tasks), dtype=torch.float64)

    def weights(self, gramian, active, losses):
        among = np.ix_(active, active)
        weights, targets = vaccinate(
            gramian.double().numpy(), self.targets.numpy()[among], self.beta, self.generator
        )
        self.targets = self.targets.clone()
        self.targets.numpy()[among] = targets
        return torch.from_numpy(weights)
