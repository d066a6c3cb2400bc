"""Streams: rounds of a set of images that can be asked for anywhere, with no image twice nearby."""

from collections import Counter

import numpy as np
import pytest

from datasets.shuffled_stream import ShuffledStream


def draws(stream, first, last):
    rounds, images = stream.part(first, last)
    return list(zip(rounds.tolist(), images.tolist(), strict=True))


@pytest.mark.parametrize(("length", "window"), [(1, 1), (7, 1), (3, 16), (40, 32), (95, 32)])
def test_every_round_shows_every_image_once(length, window):
    shown = draws(ShuffledStream(length, window, (0, 0)), 0, 5 * length)
    for number in range(5):
        part = shown[number * length : (number + 1) * length]
        assert {item for item, _ in part} == {number + 1}
        assert sorted(image for _, image in part) == list(range(length))


@pytest.mark.parametrize(("length", "window"), [(1, 1), (7, 1), (3, 16), (40, 32), (200, 8)])
def test_a_part_is_the_part_of_the_whole(length, window):
    stream = ShuffledStream(length, window, (4, 1))
    whole = draws(stream, 0, 1000)
    rng = np.random.default_rng(0)
    for _ in range(40):
        first, last = sorted(rng.integers(0, 1000, 2).tolist())
        assert draws(ShuffledStream(length, window, (4, 1)), first, last) == whole[first:last]
    assert draws(stream, 5, 5) == []


@pytest.mark.parametrize("length", [1, 2, 3, 7, 9, 10, 11, 13, 20, 100])
@pytest.mark.parametrize("window", [1, 2, 4, 10])
def test_no_window_shows_an_image_twice_that_need_not(length, window):
    images = ShuffledStream(length, window, (2, 0)).part(0, 60 * length)[1]
    for first in range(len(images) - window):
        counts = np.bincount(images[first : first + window], minlength=length)
        assert counts.max() - counts.min() <= 1


def test_rounds_and_seeds_and_sets_differ():
    orders = [
        tuple(ShuffledStream(50, 4, seed).part(50 * number, 50 * (number + 1))[1].tolist())
        for seed in ((0, 0), (0, 1), (1, 0))
        for number in range(5)
    ]
    assert len(set(orders)) == 15


@pytest.mark.parametrize("window", [1, 3])
def test_no_place_and_no_image_is_preferred(window):
    """Over many rounds an image stands everywhere equally often: Pearson's χ² against even counts.

    A window moves only what a round has first, so this holds at its begin too, where it would show.
    """
    length, rounds = 12, 6000
    images = (
        ShuffledStream(length, window, (3, 0)).part(0, length * rounds)[1].reshape(rounds, length)
    )
    for place in range(length):
        counts = np.bincount(images[:, place], minlength=length)
        expected = rounds / length
        # Of 11 degrees of freedom: chance gives more once in 28,000.
        assert ((counts - expected) ** 2 / expected).sum() < 40


def test_company_changes_from_round_to_round():
    """No two images of a large set are always drawn together."""
    images = ShuffledStream(60, 4, (0, 0)).part(0, 60 * 400)[1].reshape(-1, 4)
    pairs = Counter(
        (a, b) for batch in np.sort(images, axis=1).tolist() for a in batch for b in batch if a < b
    )
    assert max(pairs.values()) < 50  # 20 on average
