"""Several processes, by torch.distributed: NCCL between GPUs, gloo between CPUs."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from utils import signals
from utils.errors import ProcessLost, UserError
from utils.ranks import Ranks

_WAITING = timedelta(days=30)  # for what one process does alone, such as rendering

_BUCKET = 2**23
"""Numbers that are summed together: few large calls are faster than many small ones."""


class ProcessGroup(Ranks):
    """The processes that torch's launcher started: `torchrun`, or `--processes`.

    Raises:
        ProcessLost: another process has ended, in every method that waits for it.

    Attributes:
        calls: the names and sizes of the collective operations, in order; None: they are not
            recorded. Processes whose records differ exchange numbers that do not belong together.
        sent: how many bytes this process has sent, by kind of operation, as a ring counts them.
    """

    def __init__(self):
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        # Objects, and waiting: by gloo, which lets one wait for as long as it takes.
        self._waiting = dist.new_group(backend="gloo", timeout=_WAITING)
        # Norm layers sum during the backward pass, when gradients may be under way.
        self._statistics = dist.new_group()
        self.calls: list[str] | None = None
        self.sent: Counter[str] = Counter()

    def sum(self, tensor):
        return _Sum.apply(tensor, self)

    def sum_statistics(self, tensor):
        total = tensor.contiguous().clone()
        self._all_reduce(total, "statistics", self._statistics)
        return total

    def sum_gradients(self, gradients):
        bucket: list[Tensor] = []
        for gradient in gradients:
            bucket.append(gradient)
            if sum(g.numel() for g in bucket) >= _BUCKET:
                self._sum_bucket(bucket)
                bucket = []
        if bucket:
            self._sum_bucket(bucket)

    def slices(self, rows):
        length = rows[0].numel()
        most = self._most_columns(length)
        padded = rows[0].new_zeros(self.size, len(rows), most)
        for t, row in enumerate(rows):
            for process, part in enumerate(row.split(most)):
                padded[process, t, : part.numel()] = part
        # Not reduce_scatter, by which gloo sends as much as an all-reduce does.
        received = torch.empty_like(padded)
        self._record("slices", padded)
        with _peers():
            dist.all_to_all_single(received, padded)
        self.sent["slices"] += padded[0].nbytes * (self.size - 1)
        return received.sum(dim=0)[:, : len(self.columns(length))].unbind()

    def columns(self, length):
        most = self._most_columns(length)
        return range(min(length, most * self.rank), min(length, most * (self.rank + 1)))

    def joined(self, part, length):
        # Equal slices, as a gathering needs them: zeros fill the last ones.
        padded = part.new_zeros(self._most_columns(length))
        padded[: part.numel()] = part
        slices = [torch.empty_like(padded) for _ in range(self.size)]
        self._record("joined", padded)
        with _peers():
            dist.all_gather(slices, padded)
        self.sent["joined"] += padded.nbytes * (self.size - 1)
        return torch.cat(slices)[:length]

    def gather(self, value):
        values: list[Any] = [None] * self.size
        with _peers():
            dist.all_gather_object(values, value, group=self._waiting)
        return values

    def sum_numbers(self, numbers):
        total = torch.tensor(numbers, dtype=torch.int64)
        self._all_reduce(total, "numbers", self._waiting)
        return total.tolist()

    def from_first(self, make):
        mine = _outcome(make) if self.first else None
        box = [mine and mine.for_others()]
        with _peers():
            dist.broadcast_object_list(box, group=self._waiting)
        return (mine or box[0]).result()

    def first_before_others(self, make):
        mine = _outcome(make) if self.first else None
        self.from_first(lambda: mine.result() and None)
        mine = mine or _outcome(make)
        self.together(lambda: mine.result() and None)
        return mine.value

    def together(self, make):
        mine = _outcome(make)
        outcomes = self.gather(mine.for_others())
        outcomes[self.rank] = mine
        return [outcome.result() for outcome in outcomes]

    @contextlib.contextmanager
    def first_within(self, context):
        with contextlib.ExitStack() as stack:
            self.from_first(lambda: stack.enter_context(context) and None)
            yield

    def _most_columns(self, length: int) -> int:
        return max(1, math.ceil(length / self.size))

    def _sum_bucket(self, bucket: Sequence[Tensor]) -> None:
        flat = torch.cat([gradient.flatten() for gradient in bucket])
        self._all_reduce(flat, "gradients", None)
        sums = flat.split([gradient.numel() for gradient in bucket])
        for gradient, total in zip(bucket, sums, strict=True):
            gradient.copy_(total.view_as(gradient))

    def _all_reduce(self, tensor: Tensor, kind: str, group: Any) -> None:
        self._record(kind, tensor)
        with _peers():
            dist.all_reduce(tensor, group=group)
        self.sent[kind] += 2 * tensor.nbytes * (self.size - 1) // self.size

    def _record(self, kind: str, tensor: Tensor) -> None:
        if self.calls is not None:
            self.calls.append(f"{kind} {tensor.numel()}")


class _Outcome(NamedTuple):
    """The value that a function returned, or the error that it raised."""

    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value

    def for_others(self) -> _Outcome:
        """The outcome as other processes learn of it: a fault is told where its traceback is."""
        if self.error is None or isinstance(self.error, (UserError, signals.Stopped)):
            return self
        return _Outcome(error=ProcessLost(f"another process of this run has failed: {self.error}"))


def _outcome(make: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(make())
    except ProcessLost:
        raise
    except (Exception, signals.Stopped) as error:
        return _Outcome(error=error)


@contextlib.contextmanager
def _peers() -> Iterator[None]:
    """Around a collective operation, which fails where another process has ended."""
    try:
        yield
    except RuntimeError as reason:
        raise ProcessLost(f"another process of this run has ended ({reason})") from None


class _Sum(torch.autograd.Function):
    """A sum over all processes whose gradient is that of this process's part."""

    @staticmethod
    def forward(ctx, tensor: Tensor, ranks: ProcessGroup) -> Tensor:
        total = tensor.detach().contiguous().clone()
        ranks._all_reduce(total, "sum", None)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None
