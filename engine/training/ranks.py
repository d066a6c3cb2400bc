"""The processes that train one network together. Nothing else knows of torch.distributed."""

from __future__ import annotations

from typing import Any

from torch import Tensor


class Ranks:
    """A single process: the null object of the collective operations.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.
    """

    rank = 0
    size = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over all processes, on each of them. Its gradient is that of the
        tensor of this process, so that the gradients of all processes add up to the whole one."""
        return tensor

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes in the order of their ranks, on each of them."""
        return [value]
