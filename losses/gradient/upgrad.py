"""The mean of the gradients, each projected to conflict with no task."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved, nonnegative, norms_and_cosines, rule, vectors


@rule
def upgrad(gramian: np.ndarray, eps: float) -> np.ndarray:
    """1/T Σ_i π(g_i), where π projects on the dual cone {d: g_j · d ≥ 0 for every j} (Quinton and
    Rey, 2024, eq. 4).

    The weights v of a projection minimise vᵀ G v over v ≥ u, u the weights of what is projected.

    Raises:
        Unsolved: the result conflicts with a task by more than 1e-6 of its size.
    """
    norms, cosines = norms_and_cosines(gramian)
    units = vectors(cosines)
    directions = norms * units
    weights = np.full(len(norms), 1 / len(norms))
    for i in range(len(norms)):
        added = nonnegative(units, -directions[:, i] / len(norms))
        weights += np.divide(added, norms, out=np.zeros_like(norms), where=norms > 0)
    result = directions @ weights
    if not (result @ units >= -1e-6 * np.abs(directions).max()).all():
        raise Unsolved("the projections still conflict")
    return weights


class UPGrad(Aggregator):
    weigh = staticmethod(upgrad)
    checked = "TorchJD; the projections' conditions"
