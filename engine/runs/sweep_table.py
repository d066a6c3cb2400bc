"""The table of a sweep, as a paper has it: a row a loss, mean and deviation over the seeds."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.runs.columns import columns_of, is_for_readers
from engine.runs.results import Results
from engine.training.progress import duration
from utils.latex import latex_text, tabular
from utils.text import aligned

_SEED = "seed"  # the option over whose values means are taken
_BEST = "*"


@dataclass(frozen=True)
class Row:
    """The values of each column, one a run, and the seconds of an epoch."""

    name: str
    values: Sequence[Sequence[float]]
    seconds: float | None = None

    @property
    def runs(self) -> int:
        return max(map(len, self.values))

    def mean(self, index: int) -> float | None:
        """Over all runs; None where one of them has no number."""
        complete = 0 < len(self.values[index]) == self.runs
        return statistics.mean(self.values[index]) if complete else None

    def deviation(self, index: int) -> float | None:
        """That of a sample; None of fewer than two runs."""
        known = self.mean(index) is not None and self.runs > 1
        return statistics.stdev(self.values[index]) if known else None


class SweepTable:
    """The metrics of every task, Δ of each and Δ_MTL for each combination of values but the seed,
    beside those of the single-task networks and of the constant prediction.

    Args:
        runs: the values of the sweep's options and the results of each run, one or more, their Δ by
            one definition.

    Attributes:
        shown: the indices of the columns for readers: the metrics that Δ is made of, and Δ.
    """

    def __init__(self, runs: Sequence[tuple[Mapping[str, str], Results]]):
        results = [of_run for _, of_run in runs]
        self.definition = results[0].definition
        self.columns = columns_of(results[0])
        self.shown = [
            index for index, column in enumerate(self.columns) if is_for_readers(column, results[0])
        ]
        groups: dict[str, list[Results]] = {}
        for values, of_run in runs:
            groups.setdefault(_name(values, of_run), []).append(of_run)
        self.losses = [self._row(*group) for group in groups.items()]
        rows = [self._reference("constant", results), self._reference("baseline", results)]
        self.rows = [*(row for row in rows if any(row.values)), *self.losses]

    def text(self) -> str:
        """For people: mean ± deviation, the best of a column marked."""
        header = ["", "n", *(self.columns[i].title for i in self.shown), "time an epoch"]
        body = [
            [row.name, str(row.runs), *self._cells(row), _time(row.seconds)] for row in self.rows
        ]
        note = f"mean ± deviation over n runs; {_BEST} the best mean of the losses"
        if any(not self.columns[i].metric for i in self.shown):
            note += f"; Δ by delta_metrics = {self.definition}"
        return "\n".join([*aligned([header, *body]), "", note])

    def csv(self) -> str:
        """Means, deviations and numbers of runs of all metrics, each in a column of its own."""
        file = io.StringIO()
        writer = csv.writer(file)
        names = [name for c in self.columns for name in (c.title, f"{c.title} deviation")]
        writer.writerow(["name", "n", *names, "seconds an epoch"])
        for row in self.rows:
            numbers = [f(i) for i in range(len(self.columns)) for f in (row.mean, row.deviation)]
            writer.writerow([row.name, row.runs, *map(_plain, [*numbers, row.seconds])])
        return file.getvalue()

    def latex(self) -> str:
        """A tabular for the package booktabs, the best of a column in bold."""
        titles = (latex_text(self.columns[index].title) for index in self.shown)
        references = [row for row in self.rows if row not in self.losses]
        groups = [
            [[latex_text(row.name), *self._latex_cells(row)] for row in rows]
            for rows in (references, self.losses)
            if rows
        ]
        return tabular(["", *titles], groups)

    def _row(self, name: str, runs: Sequence[Results]) -> Row:
        values = [_known(column.of(run) for run in runs) for column in self.columns]
        return Row(name, values, statistics.mean(run.seconds_per_epoch for run in runs))

    def _reference(self, attribute: str, runs: Sequence[Results]) -> Row:
        """What the losses are compared with. It is the same for all losses of a seed."""
        of_seed = {run.seed: getattr(run, attribute) for run in runs}
        values = [_known(map(column.of_metrics, of_seed.values())) for column in self.columns]
        return Row({"baseline": "single-task"}.get(attribute, attribute), values)

    def _cells(self, row: Row) -> list[str]:
        marks = (f" {_BEST}" if best else "  " for best in self._best(row))
        numbers = (_number(row, index, " ± ") for index in self.shown)
        return [number + mark for number, mark in zip(numbers, marks, strict=True)]

    def _latex_cells(self, row: Row) -> list[str]:
        numbers = [_number(row, index, r" \pm ", "") for index in self.shown]
        return [
            rf"$\mathbf{{{number}}}$" if best else f"${number}$" if number else "--"
            for number, best in zip(numbers, self._best(row), strict=True)
        ]

    def _best(self, row: Row) -> list[bool]:
        """Whether a row has the best mean of each column that is shown."""
        if row not in self.losses or len(self.losses) == 1:
            return [False] * len(self.shown)
        return [self._is_best(row, index) for index in self.shown]

    def _is_best(self, row: Row, index: int) -> bool:
        means = _known(other.mean(index) for other in self.losses)
        best = max(means, key=lambda mean: self.columns[index].sign * mean, default=None)
        return best is not None and row.mean(index) == best


def _name(values: Mapping[str, str], run: Results) -> str:
    """What a row is called: the loss, and the values of the other options but the seed."""
    others = [f"{name} {value}" for name, value in values.items() if name not in ("loss", _SEED)]
    return ", ".join([run.described_loss, *others])


def _number(row: Row, index: int, between: str, missing: str = "–") -> str:
    mean, deviation = row.mean(index), row.deviation(index)
    if mean is None:
        return missing
    return f"{mean:.3f}" + ("" if deviation is None else f"{between}{deviation:.3f}")


def _known(values) -> list[float]:
    return [value for value in values if value is not None]


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)
