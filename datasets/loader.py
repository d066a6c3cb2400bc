"""Batches in an order that is a function of (seed, epoch), whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from datasets.merge import Batch, Merged
from utils.errors import DataError


class Batches(Sampler):
    """Lists of (epoch, index). In training the images are shuffled and the last, smaller batch is
    left out where there is a full one: BatchNorm wants batches alike."""

    def __init__(self, length: int, batch_size: int, training: bool, seed: int = 0):
        self.length, self.batch_size, self.training, self.seed = length, batch_size, training, seed
        self.epoch = 0

    def __len__(self) -> int:
        if self.training:
            return max(1, self.length // self.batch_size)
        return -(-self.length // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.arange(self.length)
        if self.training:
            np.random.default_rng((self.seed, self.epoch)).shuffle(order)
        for batch in range(len(self)):
            first = batch * self.batch_size
            yield [(self.epoch, int(i)) for i in order[first : first + self.batch_size]]


class Loader:
    """Merged images as `Batch`es, read by `workers` processes (0: by this one).

    Args:
        training: shuffled, with the augmentation of the epoch; else in the order of the data.
        pin: whether the batches go on to a GPU.
    """

    def __init__(
        self,
        data: Merged,
        batch_size: int,
        *,
        training: bool,
        workers: int,
        pin: bool,
        seed: int = 0,
    ):
        self._batches = Batches(len(data), batch_size, training, seed)
        self._loader = DataLoader(
            data,
            batch_sampler=self._batches,
            collate_fn=data.collate,
            num_workers=workers,
            pin_memory=pin,
            persistent_workers=workers > 0,
            worker_init_fn=_one_thread,
            # Each start of the workers draws a number. Not from torch's own generator: that is the
            # network's dropout.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self._loader)

    def epoch(self, number: int = 0) -> Iterator[Batch]:
        """The batches of an epoch.

        Raises:
            DataError: a file is missing or damaged; names it.
        """
        self._batches.epoch = number
        for batch in self._loader:
            # A worker hands its error over; raised there, it would come wrapped in a traceback.
            if isinstance(batch, DataError):
                raise DataError(*batch.args)
            yield batch


def _one_thread(_: int) -> None:
    # The workers are the parallelism; threads within them would fight for the same cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
