"""The direction with equal cosines to all gradients, as long as their projections on it."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import norms_and_cosines, rule


@rule
def config(gramian: np.ndarray, eps: float) -> np.ndarray:
    """d = (Σ_t g_t · u) u with u the unit vector along U⁺ 1, U the rows g_t / ‖g_t‖ (ConFIG: Liu et
    al., ICLR 2025, eq. 2 to 4). Where the gradients are independent, u has the same positive cosine
    with each, so that none conflicts with d.

    U⁺ 1 = Uᵀ C⁺ 1 with the cosines C: it takes the Gramian alone. Of C, eigenvalues below T ε times
    the largest do not count. A gradient of zero has the weight 0; where no direction is left, all
    have.

        >>> import torch
        >>> config(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
        tensor([0.7500, 1.5000], dtype=torch.float64)
    """
    norms, cosines = norms_and_cosines(gramian)
    units = np.linalg.pinv(cosines, rcond=len(norms) * eps, hermitian=True) @ (norms > 0)
    weights = np.divide(units, norms, out=np.zeros_like(norms), where=norms > 0)
    inner = cosines @ units  # of each unit gradient with the direction
    square = units @ inner
    return weights * (norms @ inner) / square if square > eps else np.zeros_like(norms)


class ConFIG(Aggregator):
    weigh = staticmethod(config)
    checked = "TorchJD; equal cosines"
