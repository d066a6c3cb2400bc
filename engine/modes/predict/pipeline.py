"""Reading, the network and writing beside one another, each no farther ahead than it must be."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from engine.modes.predict.answer import Answer
from engine.runs.prediction import predict_batch
from models import Network
from tasks import Task

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    threads: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """The results of a function, which threads compute, in the order of the items. Of these no more
    than `ahead` are taken before their results are asked for, so that memory has a bound."""
    pending = deque()
    try:
        for item in items:
            pending.append(threads.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


class Predictor:
    """A network that answers a few images at a time.

    Args:
        autocast: gives the context of a forward pass.
        threshold: the least score of what is shown.
    """

    def __init__(
        self,
        network: Network,
        tasks: Sequence[Task],
        autocast: Callable[[], contextlib.AbstractContextManager],
        batch_size: int,
        threshold: float,
    ):
        self.network, self.tasks, self.autocast = network, list(tasks), autocast
        self.batch_size, self.threshold = batch_size, threshold

    def answers(self, items: Iterable[Answer]) -> Iterator[Answer]:
        """The same in their order, with the predictions of those that have an input."""
        waiting: list[Answer] = []
        wanted = 0
        for item in items:
            waiting.append(item)
            wanted += item.input is not None
            if wanted == self.batch_size or (not wanted and waiting):
                yield from self._answered(waiting)
                waiting, wanted = [], 0
        yield from self._answered(waiting)

    def _answered(self, items: list[Answer]) -> list[Answer]:
        seen = [item for item in items if item.input is not None]
        if not seen:
            return items
        inputs = [item.input for item in seen]
        results = predict_batch(self.network, self.tasks, inputs, self.autocast())
        for item, predictions in zip(seen, results, strict=True):
            item.predictions = predictions
            item.shown = {
                task.name: task.confident(predictions[task.name], self.threshold)
                for task in self.tasks
            }
        return items
