"""The rows of an experiment against one another: means, differences and ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.modes.report.experiments import Experiment, Row
from engine.runs.sweep_table import Column


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval.

    Attributes:
        mean: None where a seed has no number.
        low, high: None of fewer than two seeds.
        values: by seed.
    """

    mean: float | None
    low: float | None
    high: float | None
    values: Mapping[int, float]


@dataclass(frozen=True)
class Comparison:
    """The rows of an experiment against one another.

    Attributes:
        columns: the metrics of every task, Δ of each and Δ_MTL.
        estimates: by row name, one a column.
        references: likewise, the constant prediction and the single-task networks.
        reference: the row that differences are taken from; None with one row.
        differences: by row name but the reference's, one a column: the paired differences, as they
            come, of the seeds that both have.
        floors: one a column: differences of less are noise; None where it is not known.
        ranked: the rows by Δ_MTL (without Δ, by the mean rank over the metrics), the best first.
        first_shares: by row name, how often it is first: in [0, 1].
        mean_ranks: by row name, from 1, over the common seeds.
        common_seeds: those that all rows have.
        bootstrapped: whether the shares are over resampled seeds, not over the seeds themselves.
    """

    experiment: Experiment
    columns: Sequence[Column]
    estimates: Mapping[str, Sequence[Estimate]]
    references: Mapping[str, Sequence[Estimate]]
    reference: Row | None
    differences: Mapping[str, Sequence[Estimate]]
    floors: Sequence[float | None]
    ranked: Sequence[Row]
    first_shares: Mapping[str, float]
    mean_ranks: Mapping[str, float]
    common_seeds: Sequence[int]
    bootstrapped: bool

    @property
    def floor(self) -> str:
        """The floor of Δ_MTL in a sentence; empty where it is not known."""
        raise NotImplementedError
