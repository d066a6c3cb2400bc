"""Projecting conflicting gradients on one another's normal planes."""

import numpy as np
import torch

from losses.gradient.base import RandomAggregator
from losses.gradient.gramian import rule


@rule
def pcgrad(gramian: np.ndarray, eps: float, generator: torch.Generator | None = None) -> np.ndarray:
    """The mean of the gradients after each has been made orthogonal to every other that it
    conflicts with, one after another in random order: g_i -= (g_i · g_j / ‖g_j‖²) g_j where g_i ·
    g_j < 0 (Yu et al., NeurIPS 2020, Algorithm 1)."""
    size = len(gramian)
    weights = np.eye(size)  # row i: the projected g_i in terms of the gradients
    for mine in range(size):
        for other in torch.randperm(size, generator=generator).tolist():
            inner = gramian[other] @ weights[mine]
            if other != mine and inner < 0:
                weights[mine, other] -= inner / gramian[other, other]
    return weights.mean(axis=0)


class PCGrad(RandomAggregator):
    weigh = staticmethod(pcgrad)
