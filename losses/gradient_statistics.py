"""Statistics of the tasks' gradients: lengths, angles and conditioning."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

_OF_PAIRS = ("cosine", "similarity", "curvature")


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
        - `norm_of_sum`: of the sum of the gradients, by which a step of their plain sum moves
        - `cosine/A|B`: of each pair's angle, in [-1, 1]; negative where they conflict
        - `similarity/A|B`: of each pair's magnitudes, 2‖a‖‖b‖ / (‖a‖² + ‖b‖²), in [0, 1] (Yu et
          al., NeurIPS 2020, definition 2)
        - `curvature/A|B`: of each pair, (1 − cos²) ‖a − b‖² / ‖a + b‖², the multi-task curvature
          bounding measure, at least 0 (Yu et al., NeurIPS 2020)
        - `condition`: the largest singular value of the gradients over the smallest, at least 1;
          infinite for dependent gradients (Senushkin et al., CVPR 2023, eq. 4)

        Where a gradient is zero, its norm is 0 and its other statistics are NaN.
    """
    gramian = gramian.detach().to("cpu", torch.float64)
    norms = gramian.diagonal().clamp(min=0).sqrt().tolist()
    statistics = {f"norm/{task}": norm for task, norm in zip(tasks, norms, strict=True)}
    statistics["norm_of_sum"] = math.sqrt(max(gramian.sum().item(), 0.0))
    for i, j in itertools.combinations(range(len(tasks)), 2):
        of_pair = _of_pair(norms[i], norms[j], gramian[i, j].item())
        names = (f"{name}/{tasks[i]}|{tasks[j]}" for name in _OF_PAIRS)
        statistics |= zip(names, of_pair, strict=True)
    values = torch.linalg.eigvalsh(gramian) if all(map(math.isfinite, norms)) else None
    statistics["condition"] = math.nan
    if values is not None and values[-1] > 0:
        smallest = values[0].item()
        floor = values[-1].item() * len(tasks) * eps
        statistics["condition"] = (
            math.sqrt(values[-1].item() / smallest) if smallest > floor else math.inf
        )
    return statistics


def _of_pair(a: float, b: float, inner: float) -> tuple[float, float, float]:
    """The statistics of two gradients, by their norms and their inner product."""
    if not a * b:
        return math.nan, math.nan, math.nan
    cosine, squares = inner / (a * b), a**2 + b**2
    of_sum, of_difference = squares + 2 * inner, squares - 2 * inner
    curvature = max(1 - cosine**2, 0.0) * of_difference / of_sum if of_sum > 0 else math.nan
    return cosine, 2 * a * b / squares, curvature


def statistic_names(tasks: Sequence[str]) -> list[str]:
    """The names of the statistics of these tasks, in order."""
    pairs = [f"{a}|{b}" for a, b in itertools.combinations(tasks, 2)]
    return [
        *(f"norm/{task}" for task in tasks),
        "norm_of_sum",
        *(f"{name}/{pair}" for pair in pairs for name in _OF_PAIRS),
        "condition",
    ]
