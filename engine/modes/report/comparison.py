"""The rows of an experiment against one another: means, differences and ranks."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.modes.report.experiments import PLAIN, Experiment, Row
from engine.modes.report.statistics import (
    SEEDS_TO_RESAMPLE,
    Estimate,
    Noise,
    common_seeds,
    estimate,
    first_shares,
    mean_ranks,
    paired_differences,
    pooled_noise,
)
from engine.runs.columns import Column, columns_of
from engine.runs.results import Results
from engine.runs.tables import SINGLE_TASK
from tasks import task_class
from utils.errors import UserError

DELTA_MTL = Column()


@dataclass(frozen=True)
class Comparison:
    """The rows of an experiment against one another.

    Attributes:
        definition: of Δ, that of most runs.
        columns: the metrics of every task, Δ of each and Δ_MTL.
        estimates: by row name, one a column; without a mean where a seed has no number.
        references: likewise, of the constant prediction and of the single-task networks.
        reference: the row that differences are taken from; None with one row.
        differences: by row name but the reference's, one a column: the paired differences, as they
            come, of the seeds that both have.
        noises: one a column: how much these differences vary; None where no row has two seeds.
        ranked: the rows by their scores, the best first.
        first_shares: by row name, how often it is first: in [0, 1]; of the rows that have the
            common seeds.
        mean_ranks: likewise, from 1.
        common_seeds: those that rows are ranked by; see :func:`common_seeds`.
    """

    experiment: Experiment
    definition: str
    columns: Sequence[Column]
    estimates: Mapping[str, Sequence[Estimate]]
    references: Mapping[str, Sequence[Estimate]]
    reference: Row | None
    differences: Mapping[str, Sequence[Estimate]]
    noises: Sequence[Noise | None]
    ranked: Sequence[Row]
    first_shares: Mapping[str, float]
    mean_ranks: Mapping[str, float]
    common_seeds: Sequence[int]

    @property
    def bootstrapped(self) -> bool:
        """Whether the shares are over resampled seeds, not over the seeds themselves."""
        return len(self.common_seeds) >= SEEDS_TO_RESAMPLE

    @property
    def pairs(self) -> int:
        """How many seeds most rows share with the reference; 0 where none does."""
        shared = [max(each.n for each in of_row) for of_row in self.differences.values()]
        return Counter(n for n in shared if n).most_common(1)[0][0] if any(shared) else 0

    @property
    def floors(self) -> list[float | None]:
        """One a column: what the difference of most rows must exceed to be told from noise."""
        return [noise and noise.floor(self.pairs) for noise in self.noises]

    @property
    def floor(self) -> str:
        """The floor of the score's column in a sentence; empty where it is not known."""
        index = self._score_column
        if not (floor := self.floors[index]):
            return ""
        return (
            f"Over {self.pairs} seeds, a difference from {self.reference.name} in "
            f"{self.columns[index].title[:-2]} of less than {floor:.2f} cannot be told from noise."
        )

    def is_untold(self, row: Row, index: int) -> bool:
        """Whether a row's difference from the reference, in a column, may be noise."""
        noise, of_row = self.noises[index], self.differences.get(row.name)
        if of_row is None or noise is None or not of_row[index].n:
            return False
        return abs(of_row[index].mean) <= noise.floor(of_row[index].n)

    def is_best(self, row: Row, index: int) -> bool:
        """Whether a row has the best mean of a column, of two rows or more."""
        means = {name: e[index].mean for name, e in self.estimates.items()}
        known = [self.columns[index].sign * mean for mean in means.values() if mean is not None]
        mean = means[row.name]
        return len(known) > 1 and mean is not None and self.columns[index].sign * mean == max(known)

    @property
    def _score_column(self) -> int:
        """The column of Δ_MTL; without one, of the first task's accuracy."""
        return self.columns.index(DELTA_MTL) if DELTA_MTL in self.columns else 0


def compare(experiment: Experiment, reference: str | None = None) -> Comparison:
    """Compares the rows of an experiment.

    Args:
        reference: a row that is there, or its loss, that differences are taken from; by default
            weighted-sum, else the first row.

    Raises:
        UserError: several rows have this loss.
    """
    results = [run.results for run in experiment.runs]
    definition = Counter(of_run.definition for of_run in results).most_common(1)[0][0]
    columns = columns_of(max(results, key=lambda of_run: len(columns_of(of_run))))
    estimates = {
        row.name: [over_seeds(row, column, definition) for column in columns]
        for row in experiment.rows
    }
    chosen = _reference(experiment, reference)
    others = [row for row in experiment.rows if chosen and row is not chosen]
    differences = {
        row.name: [
            estimate(paired_differences(own.values, theirs.values))
            for own, theirs in zip(estimates[row.name], estimates[chosen.name], strict=True)
        ]
        for row in others
    }
    noises = [
        pooled_noise(of_row[index].values.values() for of_row in differences.values())
        for index in range(len(columns))
    ]
    scores = {row.name: _scores(row, definition) for row in experiment.rows}
    return Comparison(
        experiment,
        definition,
        columns,
        estimates,
        _references(experiment, columns),
        chosen,
        differences,
        noises,
        sorted(experiment.rows, key=lambda row: -_mean(scores[row.name])),
        *_ranks(scores),
    )


def over_seeds(row: Row, column: Column, definition: str = "key") -> Estimate:
    """The mean of a column over the seeds of a row. Where a seed has no number there is no mean:
    that of the others would flatter.

    Args:
        definition: of Δ, where the column does not say it.
    """
    values = {run.seed: column.of(run.results.by(definition)) for run in row.runs}
    known = _known(values)
    return estimate(known) if len(known) == len(values) else Estimate(known, None, None)


def has_row(experiment: Experiment, name: str) -> bool:
    """Whether a row is called so, or has this loss."""
    return any(name in (row.name, row.loss) for row in experiment.rows)


def _reference(experiment: Experiment, name: str | None) -> Row | None:
    """The row that is called so; by default weighted-sum, else the first one. None where there is
    one row.

    Raises:
        UserError: several rows have this loss.
    """
    rows = experiment.rows
    plain = [row for row in rows if row.loss == PLAIN] or list(rows)
    named = [row for row in rows if row.name == name] or [row for row in rows if row.loss == name]
    if len(named) > 1:
        names = "; ".join(f"'{row.name}'" for row in named)
        raise UserError(
            f"--reference: {name} is the loss of several rows of {experiment.title}; name one of "
            f"{names}"
        )
    return (named or plain)[0] if len(rows) > 1 else None


def _known(values: Mapping[int, float | None]) -> dict[int, float]:
    return {seed: value for seed, value in values.items() if value is not None}


def _references(experiment: Experiment, columns: Sequence[Column]) -> dict[str, Sequence[Estimate]]:
    """What no row is: the same for all rows of a seed."""
    result = {}
    for name, attribute in (("constant", "constant"), (SINGLE_TASK, "baseline")):
        metrics = {run.seed: getattr(run.results, attribute) for run in experiment.runs}
        estimates = [
            estimate(_known({seed: column.of_metrics(m) for seed, m in metrics.items()}))
            for column in columns
        ]
        if any(of_column.n for of_column in estimates):
            result[name] = estimates
    return result


def _scores(row: Row, definition: str) -> dict[int, float]:
    """By seed, what rows are ranked by: Δ_MTL; where runs are compared with nothing, the mean of
    the tasks' accuracies."""
    return _known({run.seed: _score(run.results.by(definition)) for run in row.runs})


def _score(results: Results) -> float | None:
    if results.is_compared:
        return results.delta_mtl
    accuracies = [results.metrics[task].get(task_class(task).accuracy) for task in results.tasks]
    return None if None in accuracies else statistics.fmean(accuracies)


def _mean(scores: Mapping[int, float]) -> float:
    return statistics.fmean(scores.values()) if scores else float("-inf")


def _ranks(
    scores: Mapping[str, Mapping[int, float]],
) -> tuple[dict[str, float], dict[str, float], list[int]]:
    """The shares of first places, the mean ranks, and the seeds that these are over."""
    seeds = common_seeds(of_row for of_row in scores.values() if of_row)
    names = [name for name, of_row in scores.items() if seeds and of_row.keys() >= set(seeds)]
    if len(names) < 2:
        return {}, {}, seeds
    table = [[scores[name][seed] for seed in seeds] for name in names]
    shares, ranks = first_shares(table), mean_ranks(table)
    return dict(zip(names, shares, strict=True)), dict(zip(names, ranks, strict=True)), seeds
