"""Which images make an epoch, and in which order: a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True)
class Sampling:
    """How often the merged datasets are drawn from, and how long an epoch is: the options
    `sampling`, `temperature` and `epoch_images` of a cfg."""

    kind: str = "concat"
    temperature: float = 2.0
    epoch: str = "all"


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
