"""All gradients as long as the longest."""

import numpy as np

from losses.gradient.base import Aggregator
from losses.gradient.gramian import rule


@rule
def db_mtl(gramian: np.ndarray, eps: float) -> np.ndarray:
    """α_t = max_k ‖g_k‖ / ‖g_t‖, so that every task's gradient counts with the largest norm (Lin et
    al., Dual-Balancing for Multi-Task Learning, 2023, Algorithm 1). Over the weighting si, which
    gives the gradients of the losses' logarithms, it is their DB-MTL.

    The gradients are those of the step. The paper takes exponential averages of them, whose memory
    is that of T gradients more and which have nothing to say of a task without labels in the batch.
    A gradient of zero gets the weight 1.
    """
    norms = np.sqrt(np.diag(gramian).clip(min=0))
    return np.divide(norms.max(), norms, out=np.ones_like(norms), where=norms > 0)


class DBMTL(Aggregator):
    weigh = staticmethod(db_mtl)
