"""Batches in an order that is a function of (seed, epoch), whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from datasets.merge import Merged


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


def make_loader(
    data: Merged, batch_size: int, *, training: bool, workers: int, pin: bool, seed: int = 0
) -> DataLoader:
    """A loader of `Batch`es. Set `loader.batch_sampler.epoch` before each epoch of training."""
    return DataLoader(
        data,
        batch_sampler=Batches(len(data), batch_size, training, seed),
        collate_fn=data.collate,
        num_workers=workers,
        pin_memory=pin,
        persistent_workers=workers > 0,
        worker_init_fn=_one_thread,
    )


def _one_thread(_: int) -> None:
    # The workers are the parallelism; threads within them would fight for the same cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
