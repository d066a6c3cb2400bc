"""The gradients of the tasks while a network is trained: their angles and their lengths."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from engine.modes.report.figures.canvas import Panel
from engine.modes.report.figures.curves import Curve, draw_curves
from engine.modes.report.figures.styles import Style
from engine.runs.history import Columns


def draw_gradients(
    runs: Sequence[tuple[str, int, Columns]], styles: Mapping[str, Style], x_label: str = "epoch"
) -> tuple[list[Panel], list[Panel]]:
    """Draws the cosine of each pair of tasks, and the length of each task's gradient.

    Args:
        runs: the loss, the seed and the columns of `gradients.csv` of each run that has some.
    """
    names = list(dict.fromkeys(name for _, _, columns in runs for name in columns))
    cosines = [name for name in names if name.startswith("cosine/")]
    norms = [name for name in names if name.startswith("norm/")] + ["norm_of_sum"]

    def panels(chosen: Sequence[str], level: float | None) -> list[Panel]:
        drawn = (
            draw_curves(_title(name), _curves(runs, name), styles, x_label, level)
            for name in chosen
        )
        return [panel for panel in drawn if panel is not None]

    return panels(cosines, 0.0), panels(norms, None)


def _curves(runs: Sequence[tuple[str, int, Columns]], name: str) -> list[Curve]:
    """The means over the steps of an epoch: single steps are too noisy to be read."""
    curves = []
    for loss, seed, columns in runs:
        if name not in columns:
            continue
        by_epoch: dict[float, list[float]] = {}
        for epoch, value in zip(columns["epoch"], columns[name], strict=True):
            if math.isfinite(value):
                by_epoch.setdefault(epoch, []).append(value)
        means = [statistics.fmean(values) for values in by_epoch.values()]
        curves.append(Curve(loss, seed, list(by_epoch), means))
    return curves


def _title(column: str) -> str:
    """'depth and normal' of 'cosine/depth|normal'."""
    if column == "norm_of_sum":
        return "sum of all tasks"
    return " and ".join(column.partition("/")[2].split("|"))
