"""The groups of tasks that `sel-update` forms, and the affinities that they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from engine.modes.report.figures.canvas import INK, LOSSES, Panel, draw, name

_HELPS, _HURTS = LOSSES[0], LOSSES[4]


@dataclass(frozen=True)
class Affinities:
    """One run's `affinity.csv`.

    Attributes:
        epochs: those with a row.
        groups: by task, the number of its group after each of these epochs.
        last: by source and target, the affinity after the last one.
    """

    run: str
    epochs: Sequence[int]
    groups: Mapping[str, Sequence[int]]
    last: Mapping[str, Mapping[str, float]]


def draw_groups(affinities: Affinities) -> Panel:
    """Draws a row a task; tasks of one group have its colour and its letter."""
    tasks = list(affinities.groups)

    def plot(axes):
        from matplotlib.ticker import MaxNLocator

        for row, (task, groups) in enumerate(affinities.groups.items()):
            for first, length, group in _stretches(groups):
                start, end = affinities.epochs[first], affinities.epochs[first + length - 1]
                colour = LOSSES[group % len(LOSSES)]
                [bar] = axes.barh(row, end - start + 1, 0.72, start - 0.5, color=colour, alpha=0.4)
                name(bar, f"{task}: group {_letter(group)}, epochs {start} to {end}")
                if length * 25 >= len(groups):
                    middle = (start + end) / 2
                    axes.text(middle, row, _letter(group), ha="center", va="center", color=INK)
        _rows(axes, tasks)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel("epoch")
        axes.grid(False)

    last = "; ".join(
        f"{task} in {_letter(groups[-1])}" for task, groups in affinities.groups.items()
    )
    alt = f"{affinities.run}: groups of tasks over the epochs; after the last one {last}"
    return draw(f"{affinities.run}: groups", alt, plot, (300, 26 * len(tasks) + 44))


def draw_affinities(affinities: Affinities) -> Panel:
    """Draws the last matrix, the sources below one another; what helps is blue."""
    tasks = list(affinities.last)
    values = [abs(value) for row in affinities.last.values() for value in row.values()]
    largest = max((value for value in values if math.isfinite(value)), default=0.0)
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0

    def plot(axes):
        for row, source in enumerate(tasks):
            for column, target in enumerate(tasks):
                value = affinities.last[source].get(target, math.nan)
                if not math.isfinite(value):
                    continue
                colour = _HELPS if value > 0 else _HURTS
                share = abs(value) / largest if largest else 0
                [bar] = axes.barh(row, 0.94, 0.9, column - 0.47, color=colour, alpha=0.5 * share)
                name(bar, f"{source} on {target}: {value:.3g}")
                axes.text(column, row, f"{value / 10**exponent:.2f}", ha="center", va="center")
        _rows(axes, tasks)
        axes.set_xticks(range(len(tasks)), tasks)
        axes.set_xlim(-0.5, len(tasks) - 0.5)
        axes.tick_params(labeltop=True, labelbottom=False)
        axes.spines["bottom"].set_visible(False)
        axes.grid(False)

    title = f"{affinities.run}: affinities after epoch {affinities.epochs[-1]}, in 1e{exponent:+d}"
    words = ", ".join(
        f"{source} on {target} {value:.2g}"
        for source, row in affinities.last.items()
        for target, value in row.items()
    )
    size = (75 * len(tasks) + 90, 28 * len(tasks) + 30)
    return draw(title, f"{title}: {words}", plot, size, wide=len(tasks) > 3)


def _stretches(groups: Sequence[int]) -> list[tuple[int, int, int]]:
    """The first index, the length and the group of each stretch of one group."""
    stretches, first = [], 0
    for group, members in groupby(groups):
        length = len(list(members))
        stretches.append((first, length, group))
        first += length
    return stretches


def _letter(group: int) -> str:
    return chr(ord("A") + group)


def _rows(axes, tasks: Sequence[str]) -> None:
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
