"""Numbers over seeds: intervals, paired differences, the floor of noise, and ranks."""

import math

import numpy as np
import pytest
from scipy import stats

from engine.modes.report.statistics import (
    common_seeds,
    estimate,
    first_shares,
    mean_ranks,
    paired_differences,
    pooled_noise,
)

A = {0: 40.1, 1: 41.3, 2: 39.7, 3: 40.9, 4: 40.2}
B = {0: 39.2, 1: 41.0, 2: 39.9, 3: 39.6, 4: 39.5}


def test_the_interval_is_students():
    result = estimate(A)
    low, high = stats.t.interval(0.95, 4, np.mean(list(A.values())), stats.sem(list(A.values())))
    assert (result.low, result.high) == pytest.approx((low, high))
    assert result.n == 5


def test_one_seed_has_a_mean_and_no_interval_and_none_has_neither():
    assert estimate({3: 2.0}).mean == 2.0
    assert estimate({3: 2.0}).low is estimate({3: 2.0}).high is None
    assert estimate({}).mean is None


def test_a_difference_of_one_row_is_told_apart_exactly_where_the_paired_t_test_tells_it():
    differences = paired_differences(A, B)
    result = estimate(differences)
    test = stats.ttest_rel(list(A.values()), list(B.values()))
    interval = test.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))
    noise = pooled_noise([differences.values()])
    assert noise.floor(5) == pytest.approx(result.half_width)
    assert (abs(result.mean) > noise.floor(5)) == (test.pvalue < 0.05)


def test_only_the_seeds_that_both_have_are_compared():
    assert paired_differences({0: 3.0, 1: 5.0, 7: 1.0}, {1: 4.0, 2: 9.0, 7: 1.5}) == {1: 1, 7: -0.5}
    assert paired_differences({0: 1.0}, {1: 1.0}) == {}


def test_identical_rows_differ_by_nothing_and_share_the_first_place():
    differences = paired_differences(A, A)
    assert set(differences.values()) == {0.0}
    assert pooled_noise([differences.values()]).floor(5) == 0.0
    scores = [list(A.values())] * 3
    assert first_shares(scores) == pytest.approx([1 / 3] * 3)
    assert first_shares([row[:2] for row in scores]) == pytest.approx([1 / 3] * 3)
    assert mean_ranks(scores) == [2.0] * 3


def test_noise_is_pooled_by_degrees_of_freedom():
    rows = [[1.0, 2.0, 4.0], [0.0, 3.0], [5.0], []]
    noise = pooled_noise(rows)
    assert noise.freedom == 3
    variance = (2 * np.var(rows[0], ddof=1) + 1 * np.var(rows[1], ddof=1)) / 3
    assert noise.deviation == pytest.approx(math.sqrt(variance))
    assert noise.floor(4) == pytest.approx(stats.t.ppf(0.975, 3) * noise.deviation / 2)
    assert pooled_noise([[1.0], [2.0], []]) is None


def test_rows_without_a_difference_are_told_apart_in_one_of_twenty_cases():
    generator = np.random.default_rng(0)
    told = []
    for _ in range(400):
        rows = generator.normal(size=(1, 6))
        noise = pooled_noise(rows)
        told += [abs(row.mean()) > noise.floor(6) for row in rows]
    assert 0.03 < np.mean(told) < 0.07


def test_a_row_that_is_always_better_is_first_in_every_resample():
    scores = np.random.default_rng(0).normal(size=(3, 6))
    scores[1] = scores.max(axis=0) + 0.1
    assert first_shares(scores) == [0, 1, 0]
    assert mean_ranks(scores)[1] == 1


def test_resampling_says_how_sure_the_first_place_is():
    close = first_shares([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1.1]])
    assert 0.3 < close[0] < 0.7
    assert sum(close) == pytest.approx(1)
    assert close == first_shares([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1.1]])


def test_of_fewer_than_five_seeds_the_first_places_are_counted():
    assert first_shares([[1, 2, 3, 9], [2, 1, 4, 9]]) == [0.375, 0.625]


def test_ranks_are_those_of_each_seed():
    assert mean_ranks([[3, 1], [2, 2], [1, 3]]) == [2, 2, 2]
    assert mean_ranks([[3, 3], [2, 2], [2, 1]]) == pytest.approx([1, 2.25, 2.75])


def test_rows_are_ranked_by_the_seeds_that_rank_most_runs():
    assert common_seeds([{0, 1, 2}, {0, 1, 2}]) == [0, 1, 2]
    assert common_seeds([{0, 1}, {1, 2}]) == [1]
    assert common_seeds([{0, 1, 2, 3, 4}] * 9 + [{0}]) == [0, 1, 2, 3, 4]
    assert common_seeds([{0, 1, 2, 3, 4}, {0, 1}]) == [0, 1]
    assert common_seeds([{0}, {1}]) == []
    assert common_seeds([{0, 1}]) == [0, 1]
    assert common_seeds([]) == []
