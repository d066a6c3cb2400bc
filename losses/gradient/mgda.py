"""The shortest vector in the convex hull of the gradients."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved, rule, shortest, vectors


@rule
def mgda(gramian: np.ndarray, eps: float) -> np.ndarray:
    """min ‖Σ α_t g_t‖² over α_t ≥ 0, Σ α_t = 1 (Désidéri, 2012; Sener and Koltun, NeurIPS 2018,
    eq. 3). The result conflicts with no task, and is zero where they cannot all improve.

    Solved exactly, by an active-set method, instead of by the Frank-Wolfe steps of the paper.

    Raises:
        Unsolved: the result is not the shortest to 1e-6 of the shortest gradient.
    """
    alpha = shortest(vectors(gramian))
    inner = gramian @ alpha
    gap = alpha @ inner - inner.min()  # 0 at the shortest vector: no vertex lies further down
    if not gap <= 1e-6 * np.diag(gramian).max():
        raise Unsolved(f"a duality gap of {gap:.1e}")
    return alpha


class MGDA(Aggregator):
    weigh = staticmethod(mgda)
