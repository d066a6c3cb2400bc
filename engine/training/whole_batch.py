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
    """A batch in parts, of each of which this process has a share.

    Attributes:
        parts: of each part, how many images each process has; all of them follow one another in
            the batch.
        rank: of this process.
        labelled: the names of the tasks that any image has a label or a pseudo-label for.
    """

    parts: tuple[tuple[int, ...], ...]
    rank: int
    labelled: frozenset[str]

    @property
    def counts(self) -> list[int]:
        """How many images each process has."""
        return [sum(counts) for counts in zip(*self.parts, strict=True)]

    @property
    def images(self) -> int:
        """The number of images of the whole batch."""
        return sum(map(sum, self.parts))

    @property
    def shares(self) -> list[range]:
        """Which of the images are this process's, of each part."""
        shares, start = [], 0
        for counts in self.parts:
            first = start + sum(counts[: self.rank])
            shares.append(range(first, first + counts[self.rank]))
            start += sum(counts)
        return shares


def whole_batch(
    ranks: Ranks,
    tasks: Sequence[Task],
    parts: Sequence[Batch | None],
    error: UserError | None = None,
) -> WholeBatch:
    """Tells the other processes of this process's shares, and learns of theirs, in one sum.

    Args:
        parts: this process's share of each part, of as many parts on every process.
        error: why they could not be read.

    Raises:
        UserError: a share could not be read; on every process the same.
        Stopped: a signal has come to any of them.
    """
    counts = [0] * (ranks.size * len(parts))
    counts[ranks.rank :: ranks.size] = [len(part.images) if part else 0 for part in parts]
    labelled = [any(part and part.has_target(t.name) for part in parts) for t in tasks]
    sums = ranks.sum_numbers([*counts, *labelled, error is not None, bool(signals.pending())])
    counts, [*labels, errors, stops] = sums[: len(counts)], sums[len(counts) :]
    if errors:
        ranks.together(lambda: _raise(error))
    if stops:
        ranks.together(signals.check)
    names = (task.name for task, count in zip(tasks, labels, strict=True) if count)
    by_part = (tuple(counts[k : k + ranks.size]) for k in range(0, len(counts), ranks.size))
    return WholeBatch(tuple(by_part), ranks.rank, frozenset(names))


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
