"""Pairs of boundary pixels, against a search through all of them."""

import itertools
import math

import numpy as np
import pytest

from tasks.boundaries.matching import Truth, largest_matching


def pairs_of(predicted, truth, tolerance):
    """Every pair of pixels that are near enough: [(distance, predicted, true)]."""
    every = itertools.product(np.argwhere(predicted).tolist(), np.argwhere(truth).tolist())
    near = ((math.dist(p, t), tuple(p), tuple(t)) for p, t in every)
    return [pair for pair in near if pair[0] <= tolerance]


def brute_force(predicted, truth, tolerance):
    """The largest number of pairs, by augmenting paths (Kuhn)."""
    partners = {}
    for _, p, t in pairs_of(predicted, truth, tolerance):
        partners.setdefault(p, []).append(t)
    taken = {}

    def place(pixel, tried):
        for other in partners[pixel]:
            if other not in tried:
                tried.add(other)
                if other not in taken or place(taken[other], tried):
                    taken[other] = pixel
                    return True
        return False

    return sum(place(pixel, set()) for pixel in partners)


def every_choice(predicted, truth, tolerance):
    """The same of a few pixels, by trying all sets of pairs."""
    pairs = [pair[1:] for pair in pairs_of(predicted, truth, tolerance)]
    for size in range(min(predicted.sum(), truth.sum()), 0, -1):
        for chosen in itertools.combinations(pairs, size):
            if all(len(set(side)) == size for side in zip(*chosen, strict=True)):
                return size
    return 0


def random_maps(seed, size=(13, 17)):
    rng = np.random.default_rng(seed)
    return [rng.random(size) < share for share in rng.uniform(0, 0.25, 2)]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("tolerance", [0.5, 1.0, 1.5, 3.2])
def test_the_exact_number_is_that_of_a_search(seed, tolerance):
    predicted, truth = random_maps(seed)
    largest = brute_force(predicted, truth, tolerance)
    compared = Truth(truth, tolerance)
    assert compared.exact(predicted) == largest
    assert largest / 2 <= compared.greedy(predicted) <= largest


@pytest.mark.parametrize("seed", range(10))
def test_so_is_the_search_itself(seed):
    predicted, truth = random_maps(seed, (4, 4))
    assert brute_force(predicted, truth, 1.5) == every_choice(predicted, truth, 1.5)


@pytest.mark.parametrize("seed", range(10))
def test_greedily_the_nearest_come_first(seed):
    """Pairs of one distance are in no order, so the maps have one true pixel near each."""
    rng = np.random.default_rng(seed)
    truth, predicted = np.zeros((2, 60, 60), bool)
    truth[5::12, 5::12] = True
    predicted[np.nonzero(truth)[0] + rng.integers(-4, 5, 25), np.nonzero(truth)[1]] = True
    taken, expected = set(), 0
    for _, p, t in sorted(pairs_of(predicted, truth, 3)):
        if not taken & {(0, p), (1, t)}:
            taken |= {(0, p), (1, t)}
            expected += 1
    assert Truth(truth, 3).greedy(predicted) == expected


@pytest.mark.parametrize(("distance", "near"), [((3, 4), True), ((4, 4), False), ((5, 1), False)])
def test_the_tolerance_itself_is_near_enough(distance, near):
    predicted, truth = np.zeros((2, 9, 9), bool)
    predicted[0, 0] = truth[distance] = True
    assert Truth(truth, 5.0).exact(predicted) == Truth(truth, 5.0).greedy(predicted) == near


def test_nothing_wraps_around_the_edges_of_the_image():
    predicted, truth = np.zeros((2, 6, 8), bool)
    predicted[2, 0] = predicted[0, 4] = True
    truth[1, 7] = truth[5, 4] = True
    compared = Truth(truth, 2.0)
    assert compared.greedy(predicted) == compared.exact(predicted) == 0


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_of_nothing_and_of_everything(shares):
    predicted, truth = (np.full((5, 7), share > 0) for share in shares)
    compared = Truth(truth, 1.0)
    assert compared.greedy(predicted) == compared.exact(predicted) == 35 * min(shares)


def test_a_chain_is_matched_to_its_end_where_greed_is_not():
    """Of p t p t in a row, with the middle two nearest, greed leaves both ends alone."""
    predicted, truth = np.zeros((2, 1, 12), bool)
    predicted[0, [4, 7]] = True
    truth[0, [2, 5]] = True
    compared = Truth(truth, 2.5)
    assert compared.greedy(predicted) == 1
    assert compared.exact(predicted) == 2


def test_no_rows_have_no_pairs():
    nothing = np.zeros(0, int)
    assert largest_matching((nothing, 0), (nothing, 0)) == 0
