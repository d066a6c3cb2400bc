"""Batches in an order that is a function of (seed, epoch), whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import torch
from torch.utils.data import DataLoader

from datasets.merge import Batch, Merged
from datasets.sampling import Batches, Sampling
from utils.errors import DataError


class Loader:
    """Merged images as `Batch`es, read by `workers` processes (0: by this one).

    Args:
        training: shuffled, and augmented anew in every epoch; else in the order of the data.
        pin: whether the batches go on to a GPU.
        sampling: of the datasets, in training.
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
    ):
        self._batches = Batches(data.sizes, batch_size, training, seed, sampling)
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

    def epoch(self, number: int = 1) -> Iterator[Batch]:
        """The batches of an epoch, counted from 1.

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
