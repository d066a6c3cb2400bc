"""All gradients as long as the longest."""

import numpy as np

from losses.gradient.gramian import rule
from losses.gradient.norm_balance import REFERENCES, NormBalance, balanced
from utils.option import option


@rule
def db_mtl(
    gramian: np.ndarray, eps: float, power: float = 1.0, reference: str = "max"
) -> np.ndarray:
    """α_t = max_k ‖g_k‖ / ‖g_t‖, so that every task's gradient counts with the largest norm (Lin et
    al., Dual-Balancing for Multi-Task Learning, 2023, Algorithm 1). Over the weighting si, which
    gives the gradients of the losses' logarithms, it is their DB-MTL.

    The gradients are those of the step. The paper takes exponential averages of them, by a rate
    tuned for each dataset: `gradient_decay`. A gradient of zero gets the weight 1.

        >>> import torch
        >>> db_mtl(torch.tensor([[4.0, 1.0], [1.0, 1.0]]))
        tensor([1., 2.], dtype=torch.float64)
    """
    return balanced(np.sqrt(np.diag(gramian).clip(min=0)), power, reference)


class DBMTL(NormBalance):
    """norm-balance with the largest norm; its options are those of that rule."""

    reference: str = option(
        "max", "S, the norm that they are brought to", choices=tuple(REFERENCES)
    )
    weigh = staticmethod(db_mtl)
