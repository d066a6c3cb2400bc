"""Equal projections on every task's gradient."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import norms_and_cosines, rule


@rule
def imtl_g(gramian: np.ndarray, eps: float) -> np.ndarray:
    """α with Σ α_t = 1 such that Σ α_t g_t has the same projection on every g_t / ‖g_t‖ (Liu et
    al., ICLR 2021, eq. 5). Linearly dependent gradients: the shortest such α, as in TorchJD.

    The paper allows negative α_t. Where the solution of G α ∝ ‖g‖ sums to nothing, there are no
    such α, and the weights are zero.
    """
    norms, cosines = norms_and_cosines(gramian)
    if np.linalg.matrix_rank(cosines, tol=len(norms) * eps, hermitian=True) == len(norms):
        # Through the cosines, the scales of the tasks cost no precision.
        solution = np.linalg.solve(cosines, np.ones_like(norms)) / norms
    else:
        solution = np.linalg.pinv(gramian, rcond=len(norms) * eps, hermitian=True) @ norms
    total = solution.sum()
    if abs(total) <= eps * np.abs(solution).sum():
        return np.zeros_like(norms)
    return solution / total


class IMTLG(Aggregator):
    weigh = staticmethod(imtl_g)
    checked = "TorchJD; equal projections"
    at = "last_layer"
