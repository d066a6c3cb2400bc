"""Gradients made orthogonal and equally long, then averaged."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import rule
from utils.option import option

_SCALES = {
    "min": np.min,
    "median": lambda values: np.sort(values)[(len(values) - 1) // 2],
    "rmse": np.mean,
}


@rule
def aligned_mtl(gramian: np.ndarray, eps: float, scale: str = "min") -> np.ndarray:
    """B w with the balance matrix B = σ V Λ^{-1/2} Vᵀ of G = V Λ Vᵀ and w_t = 1/T (Senushkin et
    al., CVPR 2023, Algorithm 1): the gradients times B have condition number 1 and equal norms σ.

    σ² is the smallest eigenvalue, their (lower) median or their mean ("rmse"). Only the leading
    components count: eigenvalues above T ε times the largest.
    """
    values, basis = np.linalg.eigh(gramian)
    leading = values > values.max() * len(values) * eps
    if not leading.any():
        return np.full(len(values), 1 / len(values))
    values, basis = values[leading], basis[:, leading]
    balance = np.sqrt(_SCALES[scale](values)) * (basis / np.sqrt(values)) @ basis.T
    return balance.mean(axis=1)


class AlignedMTL(Aggregator):
    scale: str = option(
        "min", "which eigenvalue of the Gramian sets the common length", choices=tuple(_SCALES)
    )
    weigh = staticmethod(aligned_mtl)
    checked = "TorchJD; the condition number"
