"""Batches in an order that is a function of (seed, epoch), whatever the number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from datasets.batch import Batch
from datasets.merge import Merged
from datasets.sampling import Batches, Sampling
from datasets.workers import as_it_is, ended_workers_told, one_thread
from utils.errors import DataError


class Loader:
    """Merged images as `Batch`es, read by `workers` processes (0: by this one).

    Args:
        training: shuffled, and augmented anew in every epoch; else in the order of the data.
        pin: whether the batches go on to a GPU.
        sampling: of the datasets, in training.
        skip: leave images out of their batch that cannot be read, and go on.

    Attributes:
        skipped: what was wrong with the files of such images, by how often it was met.
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
        sampling: Sampling | None = None,
        skip: bool = False,
    ):
        self.data, self._skip = data, skip
        self.skipped: Counter[str] = Counter()
        self._batches = Batches(data.sizes, batch_size, training, seed, sampling)
        self._loader = DataLoader(
            data,
            batch_sampler=self._batches,
            collate_fn=as_it_is,
            num_workers=workers,
            pin_memory=pin,
            persistent_workers=workers > 0,
            worker_init_fn=one_thread,
            # Each start of the workers draws a number. Not from torch's own generator: that is the
            # network's dropout.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self._loader)

    def epoch(self, number: int = 1) -> Iterator[Batch]:
        """The batches of an epoch, counted from 1.

        Raises:
            DataError: a file is missing or damaged, and not to be skipped; names it. Or there is
                none that can be read.
        """
        self._batches.epoch = number
        empty = True
        for batch, errors in self._read():
            if errors and not self._skip:
                # A worker hands its error over; raised there, it would come wrapped in a traceback.
                raise DataError(*errors[0].args)
            self.skipped.update(str(error) for error in errors)
            if batch is not None:
                empty = False
                yield batch
        if empty and self.skipped:
            first = next(iter(self.skipped))
            raise DataError(f"not one image can be read; what is wrong with the first: {first}")

    def _read(self) -> Iterator[tuple[Batch | None, list[DataError]]]:
        with ended_workers_told("images"):
            yield from self._loader
