"""Which images make an epoch, and in which order: a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from datasets.stream import Stream
from utils.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """How often the merged datasets are drawn from, and how long an epoch is: the options
    `sampling`, `sampling_temperature` and `epoch_images` of a cfg.

    - `concat`: the datasets are one set, and shuffled as one, as in the achievement paper. A batch
      has of each dataset what chance gives it.
    - `balanced`: every dataset is drawn from equally often.
    - `temperature`: a dataset of n images is drawn from in proportion to n^(1/temperature). 1 are
      the shares of `concat`, and the higher, the closer to `balanced`.

    The last two take turns, spread evenly over the epoch, so every *batch* has its share of every
    dataset. That is what partial annotation wants: where each dataset brings a task of its own, a
    batch without it would leave the task out of the step, and a batch with much of it would make
    up for that with a gradient of its own.

    Raises:
        ConfigError: `epoch` is none of all, longest, shortest or a number of images.
    """

    kind: str = "concat"
    temperature: float = 2.0
    epoch: str = "all"

    def __post_init__(self):
        words = ("all", "longest", "shortest")
        number = self.epoch.isascii() and self.epoch.isdigit() and int(self.epoch) > 0
        if self.epoch not in words and not number:
            raise ConfigError(
                "epoch_images wants all, longest, shortest, or a number of images above 0, "
                f"not '{self.epoch}'"
            )

    def shares(self, sizes: Sequence[int]) -> np.ndarray:
        """The share of the draws that each dataset gets, of datasets of so many images (n > 0)."""
        power = {"concat": 1.0, "balanced": 0.0, "temperature": 1 / self.temperature}[self.kind]
        weights = np.asarray(sizes, float) ** power
        return weights / weights.sum()

    def images(self, sizes: Sequence[int]) -> int:
        """The number of images of an epoch, before it is cut to whole batches.

        `all` are as many as there are; `longest` and `shortest` as many as it takes until the
        largest or the smallest dataset was seen once.
        """
        if self.epoch == "all":
            return sum(sizes)
        if self.epoch.isdigit():
            return int(self.epoch)
        seen_once = np.asarray(sizes) / self.shares(sizes)
        chosen = np.argmax(sizes) if self.epoch == "longest" else np.argmin(sizes)
        return round(seen_once[chosen])


class Batches(Sampler):
    """Lists of (round, index): the images of a batch, and how often each was drawn up to then,
    counted from 1, so that no draw of an image is augmented as another one.

    In training all batches are full, for BatchNorm wants them alike; fewer images than a batch are
    one batch. What fills none comes first in the next epoch: each dataset is a `Stream` that an
    epoch goes on in where the last one stopped, so nothing is starved, be it by a last batch or by
    a short epoch. For tests, the images come once each and in order, and the last batch is what is
    left; their round is 0.

    Args:
        sizes: the number of images of each of the datasets, which follow each other.

    Attributes:
        epoch: the epoch to give next, counted from 1.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        batch_size: int,
        training: bool,
        seed: int = 0,
        sampling: Sampling | None = None,
    ):
        sampling = sampling or Sampling()
        self.total, self.training, self.epoch = sum(sizes), training, 1
        self.size = min(batch_size, self.total) if training else batch_size
        if not training:
            self.count = -(-self.total // batch_size)
            return
        sizes = [size for size in sizes if size]
        self.count = max(1, sampling.images(sizes) // self.size)
        if sampling.kind == "concat":
            sizes = [self.total]
        self.shares = sampling.shares(sizes)
        self.starts = np.cumsum([0, *sizes[:-1]])
        windows = _windows(self.shares, sizes, self.size)
        self.streams = [
            Stream(size, window, (seed, number))
            for number, (size, window) in enumerate(zip(sizes, windows, strict=True))
        ]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        keys = self._drawn() if self.training else [(0, index) for index in range(self.total)]
        for first in range(0, len(keys), self.size):
            yield keys[first : first + self.size]

    def _drawn(self) -> list[tuple[int, int]]:
        """The keys of the epoch's images, in order."""
        length = self.count * self.size
        draws = np.arange(length + 1) + (self.epoch - 1) * length
        drawn = drawn_before(self.shares, draws)
        turns = np.diff(drawn, axis=0).argmax(1)
        rounds, indices = np.empty(length, int), np.empty(length, int)
        for number, (stream, start) in enumerate(zip(self.streams, self.starts, strict=True)):
            mine = turns == number
            rounds[mine], images = stream.part(drawn[0, number], drawn[-1, number])
            indices[mine] = images + start
        return list(zip(rounds.tolist(), indices.tolist(), strict=True))


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
    takes of it. Where rounds end with batches, none is in two rounds."""
    wanted = shares * batch_size
    most = np.maximum(1, np.rint(wanted)).astype(int)
    if not np.allclose(wanted, most, rtol=0, atol=1e-9):
        return [min(batch_size, one) for one in np.ceil(wanted).astype(int) + 1]
    return [1 if size % one == 0 else one for size, one in zip(sizes, most.tolist(), strict=True)]
