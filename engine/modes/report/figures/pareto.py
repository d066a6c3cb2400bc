"""Two tasks against one another: who trades which for which."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.modes.report.figures.canvas import INK, SOFT, Panel, draw, name
from engine.modes.report.figures.styles import Style


@dataclass(frozen=True)
class Axis:
    """A number of a task: its title, whether higher is better, and its single-task network's
    value, where it is known."""

    title: str
    sign: int = 1
    baseline: float | None = None


def draw_pareto(
    x: Axis,
    y: Axis,
    points: Mapping[str, Sequence[tuple[float, float]]],
    styles: Mapping[str, Style],
    fixed: Sequence[tuple[float, float]] = (),
) -> Panel | None:
    """Draws each loss's runs, small, and their mean, large. Better is to the right and above.

    Args:
        points: by loss, the two numbers of each seed.
        fixed: of runs with fixed weights, of which the front is drawn: those that no other one
            beats.

    Returns:
        None where no loss has both numbers.
    """
    points = {loss: of_seeds for loss, of_seeds in points.items() if of_seeds}
    if not points:
        return None

    def plot(axes):
        _references(axes, x, y, front_of(fixed, x.sign, y.sign))
        for loss, of_seeds in points.items():
            style = styles[loss]
            mean = tuple(map(statistics.fmean, zip(*of_seeds, strict=True)))
            alpha = 1 if style.coloured else 0.7
            if len(of_seeds) > 1 and style.coloured:
                for seed in of_seeds:
                    axes.plot(*zip(mean, seed, strict=True), **style.thin_line)
                marks = axes.scatter(
                    *zip(*of_seeds, strict=True), s=9, color=style.colour, alpha=0.6,
                    linewidths=0, zorder=style.order,
                )  # fmt: skip
                name(marks, f"{loss}, its {len(of_seeds)} seeds")
            mark = axes.scatter(
                *mean, s=46 if style.coloured else 16, marker=style.marker, color=style.colour,
                alpha=alpha, linewidths=0, zorder=style.order + 1,
            )  # fmt: skip
            name(mark, f"{loss}: {mean[0]:.4g}, {mean[1]:.4g}")
        axes.set_xlabel(x.title)
        axes.set_ylabel(y.title)
        if x.sign < 0:
            axes.invert_xaxis()
        if y.sign < 0:
            axes.invert_yaxis()

    means = {loss: tuple(map(statistics.fmean, zip(*p, strict=True))) for loss, p in points.items()}
    shown = "; ".join(f"{loss} {a:.4g}, {b:.4g}" for loss, (a, b) in list(means.items())[:8])
    alt = f"{y.title} against {x.title}, means: {shown}"
    return draw("", alt, plot, (440, 330), wide=True)


def front_of(points: Sequence[tuple[float, float]], *signs: int) -> list[tuple[float, float]]:
    """The points that no other one beats, which would be as good in both numbers and better in one.

    Args:
        signs: of the two numbers, +1 where higher is better, else -1.
    """

    def beats(other, point) -> bool:
        gains = [s * (a - b) for s, a, b in zip(signs, other, point, strict=True)]
        return min(gains) >= 0 and max(gains) > 0

    return sorted(point for point in points if not any(beats(other, point) for other in points))


def _references(axes, x: Axis, y: Axis, front: Sequence[tuple[float, float]]) -> None:
    for line, axis in ((axes.axvline, x), (axes.axhline, y)):
        if axis.baseline is not None:
            drawn = line(axis.baseline, color=INK, linewidth=1, linestyle=":", zorder=1)
            name(drawn, f"single-task network: {axis.title} {axis.baseline:.4g}")
    if front:
        [line] = axes.plot(
            *zip(*front, strict=True), color=SOFT, linewidth=1.2, marker=".", markersize=4,
            linestyle="--", zorder=1,
        )  # fmt: skip
        name(line, "the front of fixed weights")
