"""Which images make an epoch, and in which order: a function of (seed, epoch)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch.utils.data

from datasets.shuffled_stream import ShuffledStream
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part, Registry
from utils.ranks import ALONE, Ranks

_MOST_IMAGES = 10_000_000  # of an epoch, whose order is drawn at once


class Sampler(Part):
    """How often the merged datasets are drawn from, and how long an epoch is.

    Raises:
        ConfigError: `epoch_images` is none of all, longest, shortest or a number of images.
    """

    section = "data"

    epoch_images: str = option(
        "all",
        "how long an epoch is: all, as many images as there are; longest or shortest, until that "
        "dataset was seen once; or a number of images",
    )

    takes_turns = True
    """Whether the datasets are drawn from in turns, spread evenly over the epoch, so that every
    *batch* has its share of every dataset. Partial annotation wants that: where each dataset brings
    a task of its own, a batch without the dataset would leave the task out of the step, and a batch
    with much of it would make up for that with a gradient of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        words, text = ("all", "longest", "shortest"), self.epoch_images
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_IMAGES))
        if text not in words and not (is_number and 0 < int(text) <= _MOST_IMAGES):
            raise ConfigError(
                "epoch_images wants all, longest, shortest, or a number of images above 0 and at "
                f"most {_MOST_IMAGES:,}, not '{text}'",
                "epoch_images",
            )

    @property
    @abstractmethod
    def power(self) -> float:
        """A dataset of n images is drawn from in proportion to n to this power."""

    def shares(self, sizes: Sequence[int]) -> np.ndarray:
        """The share of the draws that each dataset gets, of datasets of so many images (n > 0)."""
        weights = np.asarray(sizes, float) ** self.power
        return weights / weights.sum()

    def images(self, sizes: Sequence[int]) -> int:
        """The number of images of an epoch, before it is cut to whole batches.

        `all` are as many as there are; `longest` and `shortest` as many as it takes until the
        largest or the smallest dataset was seen once.
        """
        if self.epoch_images == "all":
            return sum(sizes)
        if self.epoch_images.isdigit():
            return int(self.epoch_images)
        seen_once = np.asarray(sizes) / self.shares(sizes)
        chosen = np.argmax(sizes) if self.epoch_images == "longest" else np.argmin(sizes)
        return round(seen_once[chosen])


class Concat(Sampler):
    """The datasets are one set, and shuffled as one, as in the achievement paper. A batch has of
    each dataset what chance gives it."""

    power = 1.0
    takes_turns = False


class Balanced(Sampler):
    """Every dataset is drawn from equally often."""

    power = 0.0


class Temperature(Sampler):
    """A dataset of n images is drawn from in proportion to n^(1/T). T = 1 are the shares of
    `concat`, and the higher, the closer to `balanced`."""

    sampling_temperature: float = option(
        2.0,
        "of that sampling: a set of n images is drawn from in proportion to n^(1/T)",
        at_least=1,
    )

    @property
    def power(self):
        return 1 / self.sampling_temperature


SAMPLERS = Registry(
    "sampling", {"concat": Concat, "balanced": Balanced, "temperature": Temperature}
)
"""Every way to draw from merged datasets, by its name in a cfg."""


class BatchSampler(torch.utils.data.Sampler):
    """Lists of (pass, index): the images of a batch, and how often each was drawn up to then,
    counted from 1, so that no draw of an image is augmented as another one.

    In training all batches are full, for BatchNorm wants them alike; fewer images than a batch are
    one batch. What fills none comes first in the next epoch: an epoch goes on in the
    `ShuffledStream` of each dataset where the last one stopped, so nothing is starved, be it by a
    last batch or by a short epoch. For tests, the images come once each and in order, and the last
    batch is what is left; their pass is 0.

    Args:
        sizes: the number of images of each of the datasets, which follow each other.
        ranks: the processes that share the batches: each gives its share of every training batch,
            which may be none, or the test batches whose turn it is.
        parts: how many parts a training batch is cut into, which follow one another; each is shared
            by the processes, and may be empty.
        period: how many batches are given at once in training, in the place of an epoch's: where
            one stops, the next goes on.

    Attributes:
        epoch: the epoch, or period, to give next, counted from 1.
        done, last: its batches from number `done`, counted from 0, to before number `last` are
            given; None: to its end.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        batch_size: int,
        training: bool,
        seed: int = 0,
        sampler: Sampler | None = None,
        ranks: Ranks = ALONE,
        parts: int = 1,
        period: int | None = None,
    ):
        sampler = sampler or Concat()
        self.ranks, self.parts = ranks, parts
        self.total, self.training = sum(sizes), training
        self.epoch, self.done, self.last = 1, 0, None
        self.size = min(batch_size, self.total) if training else batch_size
        if not training:
            self.count = len(range(0, self.total, batch_size)[ranks.rank :: ranks.size])
            return
        sizes = [size for size in sizes if size]
        self.epoch_count = max(1, sampler.images(sizes) // self.size)
        self.count = period or self.epoch_count
        if not sampler.takes_turns:
            sizes = [self.total]
        self.shares = sampler.shares(sizes)
        self.starts = np.cumsum([0, *sizes[:-1]])
        windows = _windows(self.shares, sizes, self.size)
        self.streams = [
            ShuffledStream(size, window, (seed, number))
            for number, (size, window) in enumerate(zip(sizes, windows, strict=True))
        ]

    def __len__(self) -> int:
        return self.count * self.parts

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        end = self.count * self.size if self.training else self.total
        if self.last is not None:
            end = min(end, self.last * self.size)
        if not self.training:
            firsts = range(self.done * self.size, end, self.size)
            for first in firsts[self.ranks.rank :: self.ranks.size]:
                yield [(0, index) for index in range(first, min(first + self.size, self.total))]
            return
        passes, indices = self._drawn()
        for begin in range(self.done * self.size, end, self.size):
            for k in range(self.parts):
                first, until = (begin + self.size * edge // self.parts for edge in (k, k + 1))
                share = self.ranks.share(until - first)
                part = slice(first + share.start, first + share.stop)
                yield list(zip(passes[part].tolist(), indices[part].tolist(), strict=True))

    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """The pass and the image of each of the epoch's draws, in order."""
        length = self.count * self.size
        draws = np.arange(length + 1) + (self.epoch - 1) * length
        drawn = drawn_before(self.shares, draws)
        turns = np.diff(drawn, axis=0).argmax(1)
        passes, indices = np.empty(length, int), np.empty(length, int)
        for number, (stream, start) in enumerate(zip(self.streams, self.starts, strict=True)):
            mine = turns == number
            passes[mine], images = stream.part(drawn[0, number], drawn[-1, number])
            indices[mine] = images + start
        return passes, indices


def drawn_before(shares: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """How often each of D datasets is drawn from in the first `draws` draws, of which it is to get
    a share: (draws, D) integers that add up to `draws` and never fall.

    The largest dataset gets its share, rounded, the next largest its share of what is left, and so
    on. With two datasets none is ever half a draw from its share, and with many about one.
    """
    counts = np.zeros((len(draws), len(shares)), int)
    left, of_left = draws, 1.0
    order = np.argsort(-shares, kind="stable")
    for dataset in order[:-1]:
        counts[:, dataset] = np.floor(left * (shares[dataset] / of_left) + 0.5)
        left, of_left = left - counts[:, dataset], of_left - shares[dataset]
    counts[:, order[-1]] = left
    return counts


def _windows(shares: np.ndarray, sizes: Sequence[int], batch_size: int) -> list[int]:
    """How many draws of each dataset must differ for those of a batch to: the most that a batch
    takes of it. Where passes end with batches, none is in two passes."""
    wanted = shares * batch_size
    most = np.maximum(1, np.rint(wanted)).astype(int)
    if not np.allclose(wanted, most, rtol=0, atol=1e-9):
        return [min(batch_size, most_drawn) for most_drawn in np.ceil(wanted).astype(int) + 1]
    return [
        1 if size % count == 0 else count for size, count in zip(sizes, most.tolist(), strict=True)
    ]
