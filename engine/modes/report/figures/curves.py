"""Numbers over epochs: a thin line a seed, a thick one for the mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.modes.report.figures.canvas import SOFT, Panel, draw, name
from engine.modes.report.figures.styles import Style

_POINTS = 120  # of a line; more are not seen, and make the page large
_LOGARITHMIC = 30  # times the smallest value, from which on an axis is logarithmic


@dataclass(frozen=True)
class Curve:
    """A number of one run over its epochs or steps; NaN where it was not measured."""

    loss: str
    seed: int
    x: Sequence[float]
    y: Sequence[float]


def draw_curves(
    title: str,
    curves: Sequence[Curve],
    styles: Mapping[str, Style],
    x_label: str = "epoch",
    level: float | None = None,
) -> Panel | None:
    """Draws one number of all runs; of a grey loss the mean alone.

    Args:
        level: a value to compare with, a dotted line.

    Returns:
        None where no run has a value.
    """
    curves = [curve for curve in map(_known, curves) if curve.y]
    if not curves:
        return None
    by_loss: dict[str, list[Curve]] = {}
    for curve in curves:
        by_loss.setdefault(curve.loss, []).append(curve)

    def plot(axes):
        if level is not None:
            axes.axhline(level, color=SOFT, linewidth=1, linestyle=":", zorder=1)
        for loss, of_seeds in by_loss.items():
            style = styles[loss]
            if style.coloured and len(of_seeds) > 1:
                for curve in of_seeds:
                    _line(axes, _thinned(curve), style.thin_line, f"{loss}, seed {curve.seed}")
            named = loss if len(of_seeds) == 1 else f"{loss}, mean of {len(of_seeds)} seeds"
            _line(axes, _thinned(_mean(of_seeds)), style.line(), named)
        axes.set_xlabel(x_label)
        _scale(axes, [value for curve in curves for value in curve.y])

    return draw(title, _in_words(title, by_loss, x_label), plot)


def _known(curve: Curve) -> Curve:
    pairs = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if math.isfinite(y)]
    return Curve(curve.loss, curve.seed, [x for x, _ in pairs], [y for _, y in pairs])


def _mean(curves: Sequence[Curve]) -> Curve:
    """The mean over the seeds, where all have a value."""
    values = [dict(zip(curve.x, curve.y, strict=True)) for curve in curves]
    common = sorted(set.intersection(*(set(of_seed) for of_seed in values)))
    means = [statistics.fmean(of_seed[x] for of_seed in values) for x in common]
    return Curve(curves[0].loss, curves[0].seed, common, means)


def _thinned(curve: Curve) -> Curve:
    """The same by fewer points, each the mean of its neighbours."""
    width = math.ceil(len(curve.y) / _POINTS)
    if width == 1:
        return curve
    starts = range(0, len(curve.y), width)
    x, y = (
        [statistics.fmean(values[start : start + width]) for start in starts]
        for values in (curve.x, curve.y)
    )
    return Curve(curve.loss, curve.seed, x, y)


def _line(axes, curve: Curve, style: dict, named: str) -> None:
    mark = {"marker": "o", "markersize": 3} if len(curve.x) == 1 else {}
    [line] = axes.plot(curve.x, curve.y, **style, **mark)
    name(line, named)


def _scale(axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if min(values) > 0 and max(values) > _LOGARITHMIC * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", left=False)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _in_words(title: str, by_loss: Mapping[str, Sequence[Curve]], x_label: str) -> str:
    """What a reader who sees no picture is told: where the losses end."""
    ends = {
        loss: statistics.fmean(curve.y[-1] for curve in curves) for loss, curves in by_loss.items()
    }
    shown = ", ".join(f"{loss} {value:.3g}" for loss, value in list(ends.items())[:8])
    more = f" and {len(ends) - 8} more" if len(ends) > 8 else ""
    return f"{title} by {x_label}; at the end {shown}{more}"
