"""What all processes know of a batch before they train on their shares of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from datasets.batch import Batch
from tasks import Task
from utils import signals
from utils.errors import UserError
from utils.ranks import Ranks


class WholeBatch(NamedTuple):
    """A batch of which this process has a share.

    Attributes:
        images: the number of its images.
        share: which of them are this process's.
        labelled: the names of the tasks that any of them is labelled for.
    """

    images: int
    share: range
    labelled: frozenset[str]


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
    first = sum(counts[: ranks.rank])
    names = (task.name for task, count in zip(tasks, labels, strict=True) if count)
    return WholeBatch(sum(counts), range(first, first + counts[ranks.rank]), frozenset(names))


def _raise(error: UserError | None) -> None:
    if error is not None:
        raise error
