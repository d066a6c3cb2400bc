"""Several processes, by torch.distributed: NCCL between GPUs, gloo between CPUs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from engine.training.ranks import Ranks

_WAITING = timedelta(days=30)  # for what one process does alone, such as rendering

_BUCKET = 2**23
"""Numbers that are summed together: few large calls are faster than many small ones."""


class ProcessGroup(Ranks):
    """The processes of torch's launcher (`torchrun`, or `--processes`).

    Args:
        device: of this process.

    Attributes:
        calls: the names and sizes of the collective operations, in order; None: they are not
            recorded. Processes whose records differ exchange numbers that do not belong together.
        sent: how many bytes this process has sent, by kind of operation, as a ring counts them.
    """

    def __init__(self, device: torch.device):
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.device = device
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
        dist.all_gather(slices, padded)
        self.sent["joined"] += padded.nbytes * (self.size - 1)
        return torch.cat(slices)[:length]

    def gather(self, value):
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._waiting)
        return values

    def from_first(self, make):
        outcome: list[Any] = [None]
        if self.first:
            try:
                outcome = [(make(), None)]
            except Exception as error:
                outcome = [(None, error)]
                dist.broadcast_object_list(outcome, group=self._waiting)
                raise
        dist.broadcast_object_list(outcome, group=self._waiting)
        [(result, error)] = outcome
        if error is not None:
            raise error
        return result

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
        dist.all_reduce(tensor, group=group)
        self.sent[kind] += 2 * tensor.nbytes * (self.size - 1) // self.size

    def _record(self, kind: str, tensor: Tensor) -> None:
        if self.calls is not None:
            self.calls.append(f"{kind} {tensor.numel()}")


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
