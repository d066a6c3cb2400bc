"""What a report computes over seeds: plain functions on numbers.

Runs of one seed have the same split, the same start and the same order of images, so what the seed
does to a number it does to all rows alike: rows are compared seed by seed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
SEEDS_TO_RESAMPLE = 5
"""With fewer, resampling says no more than the seeds themselves."""
RESAMPLES = 10_000
_TIE = 1e-9  # in units of the larger one: sums in another order differ by less


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and the interval in which the mean over all seeds lies with 95 %
    confidence where the numbers are normally distributed (Student's t).

    Attributes:
        values: the numbers by seed.
        mean: None without any number.
        half_width: the interval is mean ± half_width; None of fewer than two numbers.
    """

    values: Mapping[int, float]
    mean: float | None
    half_width: float | None

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def low(self) -> float | None:
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        return None if self.half_width is None else self.mean + self.half_width


@dataclass(frozen=True)
class Noise:
    """How much a paired difference varies from seed to seed, pooled over several rows.

    Attributes:
        deviation: s, the root of the mean variance within the rows.
        freedom: ν, the degrees of freedom that it is known with.
    """

    deviation: float
    freedom: int

    def floor(self, n: int) -> float:
        """What a mean over n seeds must exceed to be told apart from 0: t(ν) s / √n."""
        return _t(self.freedom) * self.deviation / math.sqrt(n)


def estimate(values: Mapping[int, float]) -> Estimate:
    """The mean of some numbers and its interval, t(n − 1) s / √n to both sides."""
    numbers = list(values.values())
    if not numbers:
        return Estimate(values, None, None)
    mean = statistics.fmean(numbers)
    if len(numbers) == 1:
        return Estimate(values, mean, None)
    error = statistics.stdev(numbers) / math.sqrt(len(numbers))
    return Estimate(values, mean, _t(len(numbers) - 1) * error)


def paired_differences(
    values: Mapping[int, float], reference: Mapping[int, float]
) -> dict[int, float]:
    """By seed, a row's number less the reference's, of the seeds that both have."""
    return {seed: values[seed] - reference[seed] for seed in values if seed in reference}


def pooled_noise(differences: Iterable[Iterable[float]]) -> Noise | None:
    """The noise of the paired differences of several rows: s² = Σ (n − 1) s_row² / ν with
    ν = Σ (n − 1). None where no row has two seeds.

    Args:
        differences: of each row.
    """
    rows = [list(of_row) for of_row in differences]
    freedom = sum(len(of_row) - 1 for of_row in rows if of_row)
    if not freedom:
        return None
    squares = sum((len(row) - 1) * statistics.variance(row) for row in rows if len(row) > 1)
    return Noise(math.sqrt(squares / freedom), freedom)


def common_seeds(seeds: Iterable[Iterable[int]]) -> list[int]:
    """The seeds by which rows are ranked: those that give the largest full table of rows and seeds,
    with two rows or more; of equal tables the one of more rows.

    Args:
        seeds: of each row.
    """
    rows = [frozenset(of_row) for of_row in seeds]
    candidates = {*rows, *(a & b for a, b in combinations(set(rows), 2))} - {frozenset()}

    def size(candidate: frozenset[int]) -> tuple[int, int, list[int]]:
        complete = sum(candidate <= row for row in rows)
        return complete * len(candidate), complete, [-seed for seed in sorted(candidate)]

    several = [c for c in candidates if sum(c <= row for row in rows) > 1 or len(rows) == 1]
    return sorted(max(several, key=size, default=()))


def first_shares(scores: Sequence[Sequence[float]]) -> list[float]:
    """How often each row is first, from 0 to 1; rows that are first together share the place.

    With five seeds or more, over 10,000 resamples of the seeds (Efron's bootstrap), each the same
    for all rows, by the mean score; with fewer, over the seeds themselves. The same scores give the
    same shares.

    Args:
        scores: (rows, seeds), higher = better.
    """
    table = np.asarray(scores, dtype=float)
    if table.shape[1] >= SEEDS_TO_RESAMPLE:
        seeds = table.shape[1]
        generator = np.random.default_rng(0)
        counts = generator.multinomial(seeds, [1 / seeds] * seeds, size=RESAMPLES)
        table = table @ counts.T / seeds
    best = table.max(axis=0)
    first = table >= best - _TIE * np.abs(best)
    return (first / first.sum(axis=0)).mean(axis=1).tolist()


def mean_ranks(scores: Sequence[Sequence[float]]) -> list[float]:
    """The mean over the seeds of each row's rank, from 1; rows of one score share their ranks.

    Args:
        scores: (rows, seeds), higher = better.
    """
    ranks = stats.rankdata(-np.asarray(scores, dtype=float), axis=0)
    return ranks.mean(axis=1).tolist()


def _t(freedom: int) -> float:
    """The quantile of Student's distribution that leaves 2.5 % on either side."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
