"""Statistics of the tasks' gradients: lengths, angles and conditioning."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor


def gradient_statistics(
    gramian: Tensor, tasks: Sequence[str], eps: float = torch.finfo(torch.float32).eps
) -> dict[str, float]:
    """The numbers by which papers describe a system of gradients.

    Args:
        gramian: (T, T) the gradients' inner products.
        tasks: their T tasks.
        eps: the precision of the gradients, which tells when they are dependent.

    Returns:
        - `norm/A`: of each task's gradient
        - `cosine/A|B`: of each pair's angle, in [-1, 1]; negative where they conflict
        - `similarity/A|B`: of each pair's magnitudes, 2‖a‖‖b‖ / (‖a‖² + ‖b‖²), in [0, 1] (Yu et
          al., NeurIPS 2020, definition 2)
        - `condition`: the largest singular value of the gradients over the smallest, at least 1;
          infinite for dependent gradients (Senushkin et al., CVPR 2023, eq. 4)

        Where a gradient is zero, its norm is 0 and its other statistics are NaN.
    """
    gramian = gramian.detach().to("cpu", torch.float64)
    norms = gramian.diagonal().clamp(min=0).sqrt().tolist()
    statistics = {f"norm/{task}": norm for task, norm in zip(tasks, norms, strict=True)}
    for i, j in itertools.combinations(range(len(tasks)), 2):
        product, pair = norms[i] * norms[j], f"{tasks[i]}|{tasks[j]}"
        statistics[f"cosine/{pair}"] = gramian[i, j].item() / product if product else math.nan
        statistics[f"similarity/{pair}"] = (
            2 * product / (norms[i] ** 2 + norms[j] ** 2) if product else math.nan
        )
    values = torch.linalg.eigvalsh(gramian) if all(map(math.isfinite, norms)) else None
    statistics["condition"] = math.nan
    if values is not None and values[-1] > 0:
        smallest = values[0].item()
        floor = values[-1].item() * len(tasks) * eps
        statistics["condition"] = (
            math.sqrt(values[-1].item() / smallest) if smallest > floor else math.inf
        )
    return statistics


def statistic_names(tasks: Sequence[str]) -> list[str]:
    """The names of the statistics of these tasks, in order."""
    pairs = [f"{a}|{b}" for a, b in itertools.combinations(tasks, 2)]
    return [
        *(f"norm/{task}" for task in tasks),
        *(f"{kind}/{pair}" for pair in pairs for kind in ("cosine", "similarity")),
        "condition",
    ]
