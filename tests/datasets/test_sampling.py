"""Sampling: shares, epochs of any length, full batches, and nothing starved or shown twice."""

import itertools
from collections import Counter

import numpy as np
import pytest

from datasets.sampling import SAMPLERS, BatchSampler, Concat, drawn_before
from utils.errors import ConfigError
from utils.ranks import Ranks

TASKS = ("concat", "balanced", "temperature")
CASES = [
    # images of the datasets, batch, how long an epoch is
    ([23], 4, "all"),
    ([24], 4, "all"),
    ([40], 32, "all"),
    ([3, 1000], 32, "all"),
    ([3, 5], 32, "all"),
    ([100, 37, 400], 16, "all"),
    ([100, 37, 400], 16, "longest"),
    ([100, 37, 400], 16, "shortest"),
    ([100, 37, 400], 16, "70"),
    ([1, 90, 7, 33, 2], 7, "50"),
    ([60, 60], 20, "1"),
]


def sampler(kind, temperature=2.0, epoch="all"):
    """A sampler by its name."""
    options = {"sampling_temperature": temperature} if kind == "temperature" else {}
    return SAMPLERS.choose(kind, {"epoch_images": epoch, **options}).build()


def epochs(sizes, batch_size, kind, epoch="all", count=6, seed=0, temperature=2.0):
    """The batches of the first epochs."""
    batches = BatchSampler(sizes, batch_size, True, seed, sampler(kind, temperature, epoch))
    result = []
    for batches.epoch in range(1, count + 1):
        result.append(list(batches))
        assert len(result[-1]) == len(batches)
    return result


def by_dataset(sizes, indices):
    """How many of these indices are in each dataset."""
    return np.histogram(indices, np.cumsum([0, *sizes]))[0]


def per_image(sizes, indices):
    """How often each image is among these indices, a list a dataset."""
    counts = np.bincount(indices, minlength=sum(sizes))
    return np.split(counts, np.cumsum(sizes)[:-1])


def indices_of(batches):
    return [index for batch in batches for _, index in batch]


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize(("sizes", "batch_size", "epoch"), CASES)
class TestEveryWayToSample:
    def test_batches_are_full_and_epochs_alike(self, kind, sizes, batch_size, epoch):
        lengths = {
            tuple(len(batch) for batch in batches)
            for batches in epochs(sizes, batch_size, kind, epoch)
        }
        assert len(lengths) == 1
        assert {size for item in lengths for size in item} == {min(batch_size, sum(sizes))}

    def test_all_images_of_a_dataset_come_equally_often(self, kind, sizes, batch_size, epoch):
        """After any number of epochs: nothing is starved by a last batch or a short epoch."""
        shown = []
        for batches in epochs(sizes, batch_size, kind, epoch, count=40):
            shown += indices_of(batches)
            for counts in per_image(sizes, shown):
                assert counts.max() - counts.min() <= 1

    def test_an_image_is_twice_in_a_batch_only_where_it_must(self, kind, sizes, batch_size, epoch):
        for batches in epochs(sizes, batch_size, kind, epoch, count=40):
            for batch in batches:
                for counts in per_image(sizes, [index for _, index in batch]):
                    assert counts.max() <= -(-counts.sum() // len(counts))

    def test_no_key_comes_twice(self, kind, sizes, batch_size, epoch):
        """A key decides the augmentation."""
        keys = [
            key for batches in epochs(sizes, batch_size, kind, epoch) for b in batches for key in b
        ]
        assert len(set(keys)) == len(keys)
        assert {type(number) for key in keys for number in key} == {int}

    def test_shares_hold_at_any_time(self, kind, sizes, batch_size, epoch):
        """Within two images (one where there are two datasets); of `concat` once all were seen."""
        shares = sampler(kind).shares(sizes)
        shown, tolerance = [], 1 if len(sizes) < 3 else 2
        for batches in epochs(sizes, batch_size, kind, epoch, count=20):
            for batch in batches:
                shown += [index for _, index in batch]
                if kind != "concat":
                    wrong = by_dataset(sizes, shown) - shares * len(shown)
                    assert abs(wrong).max() <= tolerance
        rounds = len(shown) // sum(sizes)
        whole = shown[: rounds * sum(sizes)]
        if kind == "concat":
            assert by_dataset(sizes, whole).tolist() == [rounds * size for size in sizes]

    def test_an_epoch_needs_none_of_those_before(self, kind, sizes, batch_size, epoch):
        uninterrupted = epochs(sizes, batch_size, kind, epoch, count=9)
        for number in (9, 4):
            resumed = BatchSampler(sizes, batch_size, True, 0, sampler(kind, epoch=epoch))
            resumed.epoch = number
            assert list(resumed) == uninterrupted[number - 1]


class TestShares:
    @pytest.mark.parametrize(
        ("kind", "temperature", "shares"),
        [
            ("concat", 2, [0.1, 0.9]),
            ("balanced", 2, [0.5, 0.5]),
            ("temperature", 1, [0.1, 0.9]),
            ("temperature", 2, [0.25, 0.75]),
            ("temperature", 1e9, [0.5, 0.5]),
        ],
    )
    def test_formulas(self, kind, temperature, shares):
        result = sampler(kind, temperature).shares([100, 900])
        np.testing.assert_allclose(result, shares, atol=1e-6)

    def test_batches_are_balanced_as_well(self):
        for batches in epochs([30, 500, 2000], 32, "balanced"):
            for batch in batches:
                assert all(9 <= n <= 12 for n in by_dataset([30, 500, 2000], [i for _, i in batch]))

    @pytest.mark.parametrize("kind", TASKS)
    def test_a_tiny_set_beside_a_large_one(self, kind):
        sizes = [3, 1000]
        shown = [i for batches in epochs(sizes, 32, kind, count=100) for i in indices_of(batches)]
        tiny = by_dataset(sizes, shown)[0]
        expected = sampler(kind).shares(sizes)[0] * len(shown)
        assert abs(tiny - expected) <= (3 if kind == "concat" else 1)

    def test_a_set_whose_share_of_an_epoch_is_less_than_an_image_is_seen(self):
        shown = Counter(
            index
            for batches in epochs([1, 4000], 8, "temperature", "8", count=500, temperature=1.0)
            for index in indices_of(batches)
        )
        assert shown[0] == 1

    def test_plain_shuffle_is_of_all_images_together(self):
        """What a batch has of a dataset is chance: hypergeometric, with the variance of that."""
        sizes, size = [400, 600], 20
        counts = [
            by_dataset(sizes, [i for _, i in batch])[0]
            for batches in epochs(sizes, size, "concat", count=40)
            for batch in batches
        ]
        assert np.mean(counts) == pytest.approx(8)
        assert np.var(counts) == pytest.approx(20 * 0.4 * 0.6 * 980 / 999, rel=0.15)

    def test_a_dataset_without_images_has_no_share(self):
        """A single-task network drops the images that have no label for its task."""
        for kind in TASKS:
            shown = indices_of(epochs([0, 8, 0, 4], 4, kind, count=1)[0])
            assert set(shown) <= set(range(12))
            assert len(shown) == 12

    def test_counts_never_fall_and_add_up(self):
        rng = np.random.default_rng(0)
        for number in range(40):
            shares = rng.dirichlet(np.full(1 + number % 7, 0.7))
            first = int(rng.integers(0, 10**7))
            draws = np.arange(first, first + 2000)
            counts = drawn_before(shares, draws)
            assert set(np.unique(np.diff(counts, axis=0))) <= {0, 1}
            np.testing.assert_array_equal(counts.sum(1), draws)
            assert abs(counts - shares * draws[:, None]).max() < 1.5


class TestEpochs:
    @pytest.mark.parametrize(
        ("kind", "epoch", "images"),
        [
            ("concat", "all", 1000),
            ("concat", "longest", 1000),
            ("concat", "shortest", 1000),
            ("balanced", "all", 1000),
            ("balanced", "longest", 1800),
            ("balanced", "shortest", 200),
            ("temperature", "longest", 1200),
            ("temperature", "shortest", 400),
            ("balanced", "17", 17),
        ],
    )
    def test_lengths(self, kind, epoch, images):
        assert sampler(kind, 2.0, epoch).images([100, 900]) == images

    def test_longest_and_shortest_show_that_dataset_once(self):
        for epoch, dataset in (("longest", 1), ("shortest", 0)):
            (batches,) = epochs([100, 900], 20, "balanced", epoch, count=1)
            assert (per_image([100, 900], indices_of(batches))[dataset] == 1).all()

    def test_are_whole_batches_and_at_least_one(self):
        for epoch, batches in (("1", 1), ("32", 1), ("63", 1), ("64", 2), ("all", 31)):
            assert len(epochs([1000], 32, "concat", epoch, count=1)[0]) == batches

    def test_what_fills_no_batch_comes_first_in_the_next_epoch(self):
        first, second = epochs([23], 4, "concat", count=2)
        left = set(range(23)) - set(indices_of(first))
        assert len(left) == 3
        assert left == {index for _, index in second[0][:3]}

    def test_a_whole_number_of_batches_is_a_permutation(self):
        for batches in epochs([10, 14], 4, "concat"):
            shown = indices_of(batches)
            assert sorted(shown) == list(range(24))
            assert shown != sorted(shown)

    def test_seeds_and_epochs_differ(self):
        orders = {
            str(indices_of(b)) for seed in range(3) for b in epochs([24], 4, "concat", seed=seed)
        }
        assert len(orders) == 18

    def test_fewer_images_than_a_batch_are_one_batch(self):
        (batches,) = epochs([3], 4, "concat", count=1)
        assert [sorted(index for _, index in batch) for batch in batches] == [[0, 1, 2]]

    @pytest.mark.parametrize("word", ["", "0", "-3", "1.5", "longst", "1e3", "٣"])
    def test_a_mistake_is_told(self, word):
        with pytest.raises(
            ConfigError, match="wants all, longest, shortest, or a number of images"
        ):
            Concat(epoch_images=word)


class TestTests:
    def test_show_every_image_once_and_in_order(self):
        batches = list(BatchSampler([10, 13], 4, training=False))
        assert indices_of(batches) == list(range(23))
        assert [len(batch) for batch in batches] == [4] * 5 + [3]
        assert len(BatchSampler([10, 13], 4, training=False)) == 6


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_shares_of_the_parts_of_a_batch_are_the_batch(parts, processes):
    """A batch is cut into parts first, and each part among the processes."""
    whole = list(BatchSampler([10, 13], 5, True, 3))
    shares = []
    for rank in range(processes):
        ranks = Ranks()
        ranks.rank, ranks.size = rank, processes
        shares.append(list(BatchSampler([10, 13], 5, True, 3, ranks=ranks, parts=parts)))
    alone = list(BatchSampler([10, 13], 5, True, 3, parts=parts))
    joined = [list(itertools.chain(*part)) for part in zip(*shares, strict=True)]
    assert joined == alone
    chain = itertools.chain
    batches = [list(chain(*alone[k : k + parts])) for k in range(0, len(alone), parts)]
    assert batches == whole
    lengths = {len(part) for part in alone}
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("kind", ["concat", "balanced"])
@pytest.mark.parametrize("period", [1, 3, 40])
def test_periods_are_the_same_batches_as_epochs_cut_elsewhere(kind, period):
    """A training set smaller than a period is gone through several times."""
    sizes = [10, 13]
    whole = [batch for batches in epochs(sizes, 4, kind, count=24) for batch in batches]
    periods = BatchSampler(sizes, 4, True, 0, sampler(kind), period=period)
    assert (len(periods), periods.epoch_count) == (period, 5)
    taken = []
    for periods.epoch in range(1, 120 // period + 1):
        taken += list(periods)
    assert taken == whole[: len(taken)]
    periods.epoch, periods.last = 1, min(2, period)
    assert list(periods) == whole[: periods.last]
    periods.done = 1
    assert list(periods) == whole[1 : periods.last]
