"""Batches in an order that is a function of (seed, epoch), whatever the number of workers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from datasets.batch import Batch
from datasets.merge import MultiTaskDataset
from datasets.sampling import BatchSampler, Sampler
from datasets.workers import identity_collate, start_worker, worker_crash_as_error
from utils.errors import DataError
from utils.option import option
from utils.part import Part
from utils.ranks import ALONE, Ranks


class Loading(Part):
    """How batches are read."""

    section = "data"

    batch_size: int = option(32, "images a step", aliases=("-b",), at_least=1, largest=2**16)
    num_workers: int = option(
        2, "processes that read images; 0: none", at_least=0, affects="nothing"
    )
    cache: str = option(
        "none",
        "where decoded images and labels are kept: none, disk (below the folder of all runs)",
        choices=("none", "disk"),
        affects="nothing",
    )
    on_bad_sample: str = option(
        "stop",
        "what a damaged file does while training: stop the run, or skip it and name it at the end",
        choices=("stop", "skip"),
        affects="nothing",
    )

    @property
    def workers(self) -> int:
        """The number of processes that read: no more than there are cores."""
        return min(self.num_workers, len(os.sched_getaffinity(0)))

    def workers_for(self, batches: int) -> int:
        """The number of processes for so many batches. A process takes longer to start than two
        batches take to read."""
        return min(self.workers, batches // 2)


class Loader:
    """The images of a dataset as `Batch`es.

    Args:
        data: the dataset.
        loading: how it is read.
        training: shuffled, and augmented anew in every epoch; else in the order of the data.
        pin: whether the batches go on to a GPU.
        seed: of the order.
        sampler: of the datasets, in training.
        skip: leave images out of their batch that cannot be read, and go on.
        ranks: the processes that share the batches: each reads its share of every training batch,
            or some of the test batches.
        parts: how many parts a training batch comes in, each a `Batch`.
        period: how many batches of training are given at once, in the place of an epoch's; see
            `BatchSampler`.

    Attributes:
        batch_size: images a batch, of all processes; the last one of a test may have fewer.
        skipped: what was wrong with the files of such images, by how often it was met.
        taken: the number of batches taken of the epoch, those without any image included.
    """

    def __init__(
        self,
        data: MultiTaskDataset,
        loading: Loading,
        *,
        training: bool,
        pin: bool = False,
        seed: int = 0,
        sampler: Sampler | None = None,
        skip: bool = False,
        ranks: Ranks = ALONE,
        parts: int = 1,
        period: int | None = None,
    ):
        self.data, self._skip, self._ranks = data, skip, ranks
        self.skipped: Counter[str] = Counter()
        self.taken = 0
        self._parts = parts
        self._batches = BatchSampler(
            data.sizes, loading.batch_size, training, seed, sampler, ranks, parts, period
        )
        self.batch_size = self._batches.size
        workers = loading.workers_for(len(self._batches))
        self._loader = DataLoader(
            data,
            batch_sampler=self._batches,
            collate_fn=identity_collate,
            num_workers=workers,
            pin_memory=pin,
            persistent_workers=workers > 0,
            worker_init_fn=start_worker,
            # Each start of the workers draws a number: not from torch's own generator, which others
            # may have seeded for themselves.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return self._batches.count

    @property
    def epoch_batches(self) -> int:
        """How many training batches are in an epoch, whatever the period."""
        return self._batches.epoch_count

    def epoch(self, number: int = 1, done: int = 0, last: int | None = None) -> Iterator[Batch]:
        """The batches of an epoch, or period, counted from 1, without the first `done` of them and
        those after number `last`; of each its parts, one after another. A part or a share without
        any image is an empty batch.

        Raises:
            DataError: a file is missing or damaged, and not to be skipped; names it.
        """
        if done == (len(self) if last is None else last):
            return
        self._batches.epoch, self._batches.done, self._batches.last = number, done, last
        may_be_empty = self._batches.training and (self._ranks.size > 1 or self._parts > 1)
        for number, (batch, errors) in enumerate(self._read()):
            self.taken = done + number // self._parts + 1
            if errors and not self._skip:
                # A worker hands its error over; raised there, it would come wrapped in a traceback.
                raise DataError(*errors[0].args)
            self.skipped.update(str(error) for error in errors)
            if batch is None and may_be_empty:
                batch = self.data.empty_batch()
            if batch is not None:
                yield batch

    def refuse_unreadable(self) -> None:
        """For epochs of which not one image was read.

        Raises:
            DataError: their files were skipped; names the first.
        """
        if self.skipped:
            first = next(iter(self.skipped))
            raise DataError(f"not one image can be read; what is wrong with the first: {first}")

    def _read(self) -> Iterator[tuple[Batch | None, list[DataError]]]:
        with worker_crash_as_error("images"):
            yield from self._loader
