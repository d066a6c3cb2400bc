"""Steps on batches that are larger than memory: a batch is computed in parts."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence, Set

import torch
from torch import Tensor, nn

from datasets.batch import Batch
from engine.training.step import Step
from engine.training.task_losses import LossFunction, TaskLosses
from engine.training.undo import of_numbers
from engine.training.whole_batch import WholeBatch, whole_batch
from models.batch_norm import running_statistics_kept


class ForwardPass:
    """A forward pass over a batch in parts; see :class:`losses.parts.Parts`.

    Args:
        network: the network, whose running statistics change when the parts are gone through for
            the first time.
        tasks: the active tasks, in order.
        functions: each gives what a part adds to the losses.

    Attributes:
        losses: of the whole batch, detached, once it was gone through.
    """

    def __init__(self, network: nn.Module, tasks: Sequence[str], functions: Sequence[LossFunction]):
        self.network, self.tasks, self.functions = network, list(tasks), list(functions)
        self.losses: dict[str, Tensor] = {}
        self._again = False

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        totals: dict[str, Tensor] = {}
        for function in self.functions:
            with self._statistics():
                losses = function()
            totals = {task: totals.get(task, 0) + loss.detach() for task, loss in losses.items()}
            yield losses
            del losses  # a graph must be gone before the next one grows
        self.losses, self._again = totals, True

    def half(self, number: int) -> Iterator[dict[str, Tensor]]:
        """What the parts of the first half (0) or the second (1) add to the losses; without a
        change of running statistics."""
        middle = (len(self.functions) + 1) // 2
        functions = (self.functions[:middle], self.functions[middle:])[number]
        for function in functions:
            with running_statistics_kept(self.network):
                losses = function()
            yield losses
            del losses

    @torch.no_grad()
    def values(self) -> dict[str, Tensor]:
        for _ in self:
            pass
        return self.losses

    def _statistics(self) -> contextlib.AbstractContextManager:
        if self._again:
            return running_statistics_kept(self.network)
        return contextlib.nullcontext()


class PartLosses:
    """The losses of a network on batches in parts.

    Args:
        plain: the losses of a network on a batch.
    """

    def __init__(self, plain: TaskLosses):
        self.plain = plain

    def on(
        self,
        parts: Sequence[Batch],
        step: int,
        whole: WholeBatch | None = None,
        check: Callable[[LossFunction], LossFunction] = lambda function: function,
    ) -> tuple[Set[str], Callable[[], ForwardPass]]:
        """The active tasks of a batch, and its forward passes, one after another.

        Args:
            parts: this process's shares of the parts, on the device.
            step: the number of the step, from 1.
            whole: what is known of all shares; asked for where it is not yet.
            check: is applied to the loss function of each part.
        """
        plain = self.plain
        whole = whole or whole_batch(plain.ranks, plain.tasks, parts)
        active = plain.active(whole.labelled)
        if not active:
            return active, lambda: ForwardPass(plain.network, [], [])
        # A part without an image on any process has nothing to add.
        shares = zip(parts, whole.shares, whole.parts, strict=True)
        kept = [(part, share) for part, share, counts in shares if any(counts)]
        counts = plain.ranks.sum(sum(plain.counts(part, whole.labelled) for part, _ in kept))
        losses_at = [plain.on_part(part, whole.labelled, counts) for part, _ in kept]
        places = [plain.places(step, share, whole.images) for _, share in kept]
        tasks = [task.name for task in plain.tasks if task.name in active]

        def forward_pass() -> ForwardPass:
            pairs = zip(losses_at, map(next, places), strict=True)
            functions = [check(functools.partial(losses, place)) for losses, place in pairs]
            return ForwardPass(plain.network, tasks, functions)

        return active, forward_pass


class StepInParts(Step):
    """A step on a batch in parts. The arguments are those of :class:`Step`; it is called with the
    parts."""

    def _losses_of(self, batch, number, whole):
        check = {} if self.skipped is None else {"check": of_numbers}
        return PartLosses(self.task_losses).on(batch, number, whole, **check)

    def _differentiate(self, task_losses, group, statistics):
        forward = task_losses()
        if statistics is not None:
            statistics |= self.objective.gradient_statistics_in_parts(
                forward, self.model, self.precision.scale()
            )
        self.optimizer.zero_grad(set_to_none=True)
        return self.objective.backward_in_parts(
            forward, self.model, group, scale=self.precision.scale()
        )

    def _after(self, task_losses):
        self.objective.after_step(lambda: task_losses().values())
