"""Δ_MTL, by the definitions that papers use: of which metrics, and how their gains are averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks import Task

DEFINITIONS = {
    "key": "mean over the metrics marked *",
    "paper": "mean over the metrics marked *",
    "task": "mean within each task, then over the tasks, of the metrics marked *",
    "flat": "mean over all metrics marked *",
}
"""What Δ_MTL is under each value of `delta_metrics`, in words.

- `key`: of one metric a task, its accuracy
- `paper`: of one metric a task, that of Jeong and Yoon, ICLR 2025
- `task`: of the metrics of the field's protocol, each task counting alike (Lin and Zhang's LibMTL)
- `flat`: of the same metrics, each counting alike (Navon et al., ICML 2022, who turn the sign)
"""


@dataclass(frozen=True)
class Delta:
    """Gains over the baselines in percent, positive = better; None where there is none.

    Attributes:
        tasks: by task, the mean over its metrics.
        mtl: Δ_MTL.
    """

    tasks: dict[str, float | None]
    mtl: float | None


def metrics_in_delta(kind: type[Task], definition: str) -> tuple[str, ...]:
    """The metrics of a task that Δ_MTL is made of."""
    if definition == "key":
        return (kind.accuracy,)
    if definition == "paper":
        return kind.paper_metrics or (kind.accuracy,)
    return kind.protocol_metrics or tuple(kind.metrics)


def mean_delta(gains: Mapping[str, Sequence[float | None]], definition: str) -> Delta:
    """Δ of each task, and Δ_MTL.

    Args:
        gains: by task, those of :func:`metrics_in_delta`.
    """
    tasks = {task: mean_gain(of_task) for task, of_task in gains.items()}
    if definition == "flat":
        return Delta(tasks, mean_gain([gain for of_task in gains.values() for gain in of_task]))
    return Delta(tasks, mean_gain(list(tasks.values())))


def relative_gain(value: float | None, baseline: float | None, sign: int) -> float | None:
    """By how many percent of the baseline a metric is better, positive = better; `sign` is -1 where
    lower is better (Maninis et al., CVPR 2019). None where the baseline is 0 or not a number."""
    if not _is_number(value) or not _is_number(baseline) or not baseline:
        return None
    return sign * 100 * (value - baseline) / abs(baseline)


def mean_gain(gains: Sequence[float | None]) -> float | None:
    """The mean; None where one of the gains is, or where there are none."""
    if not gains or any(gain is None for gain in gains):
        return None
    return sum(gains) / len(gains)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
