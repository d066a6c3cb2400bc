"""Nash's bargaining solution between the tasks."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.fairgrad import fair
from losses.gradient.gramian import rule
from utils.option import option


@rule
def nash_mtl(gramian: np.ndarray, eps: float, max_norm: float = 0.0) -> np.ndarray:
    """α > 0 with G α = 1/α (Navon et al., ICML 2022, eq. 3): the update Σ α_t g_t that maximises
    the product of the tasks' improvements. Its norm is √T whatever the gradients' scales, and is
    reduced to `max_norm` where that is not 0, as in the official code.

    Raises:
        Unsolved: there is no such α (the gradients cancel one another), or it was not reached.
    """
    weights = fair(gramian, eps, 1.0)
    norm = np.sqrt(max(weights @ gramian @ weights, 0.0))
    return weights * (max_norm / norm) if norm > max_norm > 0 else weights


class NashMTL(Aggregator):
    max_norm: float = option(
        1.0, "longest update of the shared parameters; 0: no limit", at_least=0
    )
    weigh = staticmethod(nash_mtl)
    checked = "its equation"
