"""Numbers with a name each, one below the other: bars, and points with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.modes.report.figures.canvas import INK, SHADE, SOFT, Panel, draw, name, shorten
from engine.modes.report.figures.styles import Style

_ROW = 19  # pixels
_WIDTH = 560


@dataclass(frozen=True)
class Interval:
    """A difference with its interval, and those of the single seeds."""

    loss: str
    value: float
    low: float | None = None
    high: float | None = None
    seeds: Sequence[float] = ()


def draw_shares(
    title: str, shares: Mapping[str, float], styles: Mapping[str, Style], x_label: str
) -> Panel | None:
    """Draws a bar a loss, from 0 to 100 %, in the order that they come in.

    Args:
        shares: in [0, 1].

    Returns:
        None where there is no loss.
    """
    if not shares:
        return None
    losses = list(shares)

    def plot(axes):
        for row, (loss, share) in enumerate(shares.items()):
            [bar] = axes.barh(row, 100 * share, 0.62, color=styles[loss].colour,
                              alpha=1 if styles[loss].coloured else 0.6)  # fmt: skip
            name(bar, f"{loss}: {100 * share:.0f} %")
            axes.annotate(f"{100 * share:.0f}", (100 * share, row), (4, 0), va="center",
                          textcoords="offset points", fontsize=9, color=SOFT)  # fmt: skip
        axes.set_xlim(0, 108)
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.set_xlabel(x_label)
        _rows(axes, losses)

    alt = f"{title}: " + ", ".join(f"{loss} {100 * share:.0f} %" for loss, share in shares.items())
    return draw(title, alt, plot, (_WIDTH, _height(losses)), wide=True)


def draw_differences(
    title: str,
    intervals: Sequence[Interval],
    styles: Mapping[str, Style],
    x_label: str,
    floor: float | None = None,
) -> Panel | None:
    """Draws each loss's difference from the reference with its interval, and small the seeds'.

    Args:
        floor: differences of less are noise; they lie in the shaded band.

    Returns:
        None where there is no difference.
    """
    if not intervals:
        return None

    def plot(axes):
        if floor is not None:
            axes.axvspan(-floor, floor, color=SHADE, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=1, zorder=1)
        for row, interval in enumerate(intervals):
            style = styles[interval.loss]
            if interval.low is not None and interval.high is not None:
                axes.plot([interval.low, interval.high], [row, row], color=style.colour,
                          linewidth=2, zorder=2)  # fmt: skip
            axes.scatter(interval.seeds, [row] * len(interval.seeds), s=9, color=style.colour,
                         alpha=0.55, linewidths=0, zorder=2)  # fmt: skip
            mark = axes.scatter(interval.value, row, s=42, marker=style.marker, color=style.colour,
                                linewidths=0, zorder=3)  # fmt: skip
            name(mark, _words(interval))
        axes.set_xlabel(x_label)
        _rows(axes, [interval.loss for interval in intervals])

    alt = f"{title}: " + "; ".join(map(_words, intervals))
    return draw(title, alt, plot, (_WIDTH, _height(intervals)), wide=True)


def _words(interval: Interval) -> str:
    words = f"{interval.loss} {interval.value:+.2f}"
    if interval.low is not None and interval.high is not None:
        words += f" ({interval.low:+.2f} to {interval.high:+.2f})"
    return words


def _rows(axes, losses: Sequence[str]) -> None:
    """A row a loss, the first one on top."""
    axes.set_yticks(range(len(losses)), [shorten(loss) for loss in losses])
    axes.set_ylim(len(losses) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)


def _height(rows: Sequence) -> int:
    return _ROW * len(rows) + 44
