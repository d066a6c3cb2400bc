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
    mine, squares = np.arange(size), np.diag(gramian)
    for other in orders(size, generator).T:  # of each row at once
        inner = (gramian[other] * weights).sum(axis=1)
        conflicts = (inner < 0) & (other != mine)
        turn = np.divide(inner, squares[other], out=np.zeros(size), where=conflicts)
        weights[mine, other] -= turn
    return weights.mean(axis=0)


def orders(size: int, generator: torch.Generator | None) -> np.ndarray:
    """(T, T) a random order of the tasks in each row."""
    return np.stack([torch.randperm(size, generator=generator).numpy() for _ in range(size)])


class PCGrad(RandomAggregator):
    weigh = staticmethod(pcgrad)
    checked = "TorchJD; the algorithm on the gradients themselves"
