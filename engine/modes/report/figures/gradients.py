"""The gradients of the tasks while a network is trained: their angles and their lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.modes.report.figures.canvas import Panel
from engine.modes.report.figures.curves import Curve, draw_curves
from engine.modes.report.figures.styles import Style

Columns = Mapping[str, Sequence[float]]
"""The columns of `gradients.csv` by name."""


def draw_gradients(
    runs: Sequence[tuple[str, int, Columns]], styles: Mapping[str, Style]
) -> tuple[list[Panel], list[Panel]]:
    """Draws the cosine of each pair of tasks, and the length of each task's gradient.

    Args:
        runs: the loss, the seed and the columns of each run that has some.
    """
    names = list(dict.fromkeys(name for _, _, columns in runs for name in columns))
    cosines = [name for name in names if name.startswith("cosine/")]
    norms = [name for name in names if name.startswith("norm/")] + ["norm_of_sum"]

    def panels(chosen: Sequence[str], level: float | None) -> list[Panel]:
        drawn = (
            draw_curves(_title(name), _curves(runs, name), styles, "step", level) for name in chosen
        )
        return [panel for panel in drawn if panel is not None]

    return panels(cosines, 0.0), panels(norms, None)


def _curves(runs: Sequence[tuple[str, int, Columns]], name: str) -> list[Curve]:
    return [
        Curve(loss, seed, columns["step"], columns[name])
        for loss, seed, columns in runs
        if name in columns
    ]


def _title(column: str) -> str:
    """'depth and normal' of 'cosine/depth|normal'."""
    if column == "norm_of_sum":
        return "sum of all tasks"
    return " and ".join(column.partition("/")[2].split("|"))
