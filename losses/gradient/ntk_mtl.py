"""All gradients as long as the root of the sum of their squared lengths."""

import numpy as np

from losses.gradient.gramian import rule
from losses.gradient.norm_balance import REFERENCES, NormBalance, balanced
from utils.option import option


@rule
def ntk_mtl(
    gramian: np.ndarray, eps: float, power: float = 1.0, reference: str = "rss"
) -> np.ndarray:
    """α_t = √(Σ_k ‖g_k‖²) / ‖g_t‖: the weights of NTK-MTL with one sample (Qin et al., NeurIPS
    2025), whose tangent kernel of a task is then ‖g_t‖². They bring the tasks to one speed of
    convergence. A gradient of zero gets the weight 1.

        >>> import torch
        >>> ntk_mtl(torch.tensor([[9.0, 0.0], [0.0, 16.0]]))
        tensor([1.6667, 1.2500], dtype=torch.float64)
    """
    return balanced(np.sqrt(np.diag(gramian).clip(min=0)), power, reference)


class NTKMTL(NormBalance):
    """norm-balance with the root of the sum of squares; its options are those of that rule."""

    reference: str = option(
        "rss", "S, the norm that they are brought to", choices=tuple(REFERENCES)
    )
    weigh = staticmethod(ntk_mtl)
