"""The processes that train one network together, as all rooms know them; see
`engine.training.process_group`, which alone knows of torch.distributed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


class Ranks:
    """A single process: the null object of the collective operations.

    With several processes, all of them call the same operations in the same order.

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

    def share(self, count: int) -> range:
        """Which of `count` things this process takes: consecutive ones, as many as the others take
        or one more; none where there are fewer things than processes."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over all processes, on each of them. Its gradient is that of the
        tensor of this process, so that the gradients of all processes add up to the whole one."""
        return tensor

    def sum_statistics(self, tensor: Tensor) -> Tensor:
        """The sum over all processes of a tensor without a graph, on each of them. The sums of
        normalisation layers do not wait for those of the gradients."""
        return tensor

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Sums gradients over all processes, in place; all of one type."""

    def slices(self, rows: Sequence[Tensor]) -> Sequence[Tensor]:
        """The sums over all processes of T rows of n numbers, of which each process gets a slice.

        Args:
            rows: T 1-d tensors of n numbers.

        Returns:
            T 1-d tensors: the sums at this process's `columns(n)`.
        """
        return rows

    def columns(self, length: int) -> range:
        """The columns of rows of `length` numbers that this process gets of :meth:`slices`. The
        last processes get fewer than the others, or none."""
        return range(length)

    def joined(self, part: Tensor, length: int) -> Tensor:
        """The row of `length` numbers of which each process has its `columns(length)`, on each of
        them."""
        return part

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes in the order of their ranks, on each of them."""
        return [value]

    def sum_numbers(self, numbers: Sequence[int]) -> list[int]:
        """The sums of whole numbers over all processes, on each of them."""
        return list(numbers)

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, on each of them, which wait for it however long it takes.

        Raises:
            Exception: what it raised there, on each of them.
        """
        return make()

    def first_before_others(self, make: Callable[[], T]) -> T:
        """What each process makes for itself, the others after the first: what it renders or
        downloads is there for them.

        Raises:
            Exception: what the first one to fail raised, on each of them.
        """
        return make()

    def together(self, make: Callable[[], T]) -> list[T]:
        """What each process makes for itself, of all processes, on each of them.

        Raises:
            Exception: what the first one to fail raised, on each of them.
        """
        return [make()]

    @contextlib.contextmanager
    def first_within(self, context: AbstractContextManager) -> Iterator[None]:
        """A context that the first process alone enters, while the others wait for it to."""
        with context:
            yield


ALONE = Ranks()
"""The only process there is."""
