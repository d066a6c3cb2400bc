"""What all processes know of a batch before they train on their shares of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from datasets.batch import Batch
from tasks import Task
from utils import signals
from utils.errors import UserError
from utils.ranks import Ranks


class WholeBatch(NamedTuple):
    """A batch of which this process has a share.

    Attributes:
        counts: how many images each process has; they follow one another in the batch.
        rank: of this process.
        labelled: the names of the tasks that any image is labelled for.
    """

    counts: tuple[int, ...]
    rank: int
    labelled: frozenset[str]

    @property
    def images(self) -> int:
        """The number of images of the whole batch."""
        return sum(self.counts)

    @property
    def share(self) -> range:
        """Which of the images are this process's."""
        first = sum(self.counts[: self.rank])
        return range(first, first + self.counts[self.rank])


def whole_batch(
    ranks: Ranks, tasks: Sequence[Task], batch: Batch | None, error: UserError | None = None
) -> WholeBatch:
    """Tells the other processes of this process's share, and learns of theirs, in one sum.

    Args:
        batch: this process's share.
        error: why it could not be read.

    Raises:
        UserError: a share could not be read; on every process the same.
        Stopped: a signal has come to any of them.
    """
    counts = [0] * ranks.size
    counts[ranks.rank] = len(batch.images) if batch else 0
    labelled = [bool(batch and batch.labelled[task.name].any()) for task in tasks]
    sums = ranks.sum_numbers([*counts, *labelled, error is not None, bool(signals.pending())])
    counts, [*labels, errors, stops] = sums[: ranks.size], sums[ranks.size :]
    if errors:
        ranks.together(lambda: _raise(error))
    if stops:
        ranks.together(signals.check)
    names = (task.name for task, count in zip(tasks, labels, strict=True) if count)
    return WholeBatch(tuple(counts), ranks.rank, frozenset(names))


def _raise(error: UserError | None) -> None:
    if error is not None:
        raise error


class Shares:
    """Counts the training images that each process has computed."""

    def __init__(self):
        self.images: list[int] = []

    def add(self, counts: Sequence[int]) -> None:
        """Adds the shares of a batch."""
        pairs = itertools.zip_longest(self.images, counts, fillvalue=0)
        self.images = [before + count for before, count in pairs]

    def state_dict(self) -> dict[str, list[int]]:
        return {"images": list(self.images)}

    def load_state_dict(self, state: Mapping[str, list[int]]) -> None:
        self.images = list(state["images"])
