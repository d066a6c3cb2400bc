"""The multi-task loss as the trainer sees it: losses in, gradients out."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from losses.aggregation import GradientAggregation
from losses.flat_gradients import FlatGradients, Pieces, gramian, task_gradients
from losses.gradient_statistics import gradient_statistics
from losses.mean import geometric
from losses.parts import Differentiation, Parts, aggregate, stacked
from losses.processes import sum_grad, summed_slices
from losses.trained_parameters import trainable
from losses.weighting.base import Weighting
from utils.precision import exact_type
from utils.ranks import Ranks
from utils.seeds import seed_of
from utils.transfer import tensor_on


class Objective:
    """A weighting, a mean and, for some, a gradient rule.

    Weighting and mean give the coefficients c_t = ∂F/∂L_t of the tasks' losses; alone they train
    the network by Σ c_t ∇L_t, in one backward pass. A gradient rule makes its own combination of
    the T gradients of the c_t L_t at the shared parameters.

    The trainer's step, for a batch in which some tasks are active:

        objective.begin_step(number)                    # 1, 2, 3, …
        for group in objective.groups():
            losses = ...                                # task -> scalar with a graph
            optimizer.zero_grad()
            objective.backward(losses, model, group)    # fills .grad
            optimizer.step()
        objective.after_step(lambda: losses of the same batch again)

    A task that is not active in the batch is left out of `losses` and changes nothing for the
    others: its weight stays what it is and is not given to them.

    Args:
        tasks: the names of all tasks, in order.
        weighting, mean: the parts.
        aggregation: the gradient rule at its place, if there is one.
        generator: what the parts draw from. `begin_step` seeds it anew.
        ranks: the processes that share the batch. The losses are those of the whole batch, the same
            on each; the gradients of a loss are those of the images of the process, and those of
            all processes add up. All processes call the same methods, with the same tasks.
    """

    affinity: Tensor | None = None
    """(T, T) float64, how much a step of the task of a row lowers the loss of the task of a column;
    None unless the objective splits the tasks into groups."""

    def __init__(
        self,
        tasks: Sequence[str],
        weighting: Weighting,
        mean: Callable[[Tensor, Tensor], Tensor],
        aggregation: GradientAggregation | None,
        generator: torch.Generator,
        ranks: Ranks,
    ):
        self.tasks = tuple(tasks)
        self.weighting = weighting
        self.mean = mean
        self.aggregation = aggregation
        self.generator = generator
        self.ranks = ranks
        self._seed = generator.initial_seed()
        self._active: list[int] = []
        self._needs_losses_first = weighting.needs_losses or mean is geometric
        self._needs_losses = self._needs_losses_first or (
            aggregation is not None and aggregation.rule.needs_losses
        )

    @property
    def weights(self) -> dict[str, float]:
        """The tasks' current weights w_t, times those that a rule learns for the losses."""
        weights = self.weighting.current()
        if self.aggregation is not None and self.aggregation.rule.weighs_heads:
            learned = self.aggregation.rule.current.tolist()
            weights = [w * factor for w, factor in zip(weights, learned, strict=True)]
        return dict(zip(self.tasks, weights, strict=True))

    @property
    def grouping(self) -> list[tuple[str, ...]]:
        """The groups of tasks that are updated together at present."""
        return [self.tasks]

    def begin_step(self, number: int, rate: float = 0.0) -> None:
        """Makes what the step draws a function of the seed and of its number, whatever was drawn
        before: a training that is cut off can go on there. Without it, the steps draw one after
        another.

        Args:
            number: of the step.
            rate: the learning rate, for an objective that looks ahead.
        """
        self.generator.manual_seed(seed_of(self._seed, number))

    def groups(self) -> list[tuple[str, ...]]:
        """The tasks to differentiate together, in the order of their steps on the next batch."""
        return [self.tasks]

    def backward(
        self,
        losses: dict[str, Tensor],
        model: nn.Module,
        group: Sequence[str],
        scale: float | Tensor = 1.0,
    ) -> None:
        """Fills `.grad` of the model's parameters, which must be empty: with the gradient of the
        whole batch, the same on every process.

        Args:
            losses: task -> scalar float32 or float64 with a graph, of the active tasks.
            model: offers `shared_parameters()`, `last_shared_parameters()`, `task_parameters(task)`
                and `features`, the shared feature maps of its last forward pass, of which none is
                computed from another, and which may be none where the rule works at the parameters;
                for a rule that needs the whole matrix there, `place` as
                well, which says which images of the batch they are of.
            group: the tasks to differentiate, an item of `groups()`.
            scale: what `.grad` is multiplied by (loss scaling).
        """
        self._active = self.active(losses, group)
        if not self._active:
            return
        parts = [losses[self.tasks[t]] for t in self._active]
        values = stacked(losses, self._names(self._active)) if self._needs_losses else None
        coefficients = self._coefficients(self._active, parts[0], values)
        grad_outputs = list((coefficients * scale).unbind())
        if self.aggregation is None:
            torch.autograd.backward(parts, grad_outputs)
            heads = [model.task_parameters(self.tasks[t]) for t in self._active]
            trained = trainable(itertools.chain(model.shared_parameters(), *heads))
            sum_grad(trained, self.ranks)
        else:
            self.aggregation.backward(
                parts, grad_outputs, float(scale), self._active, values, model
            )

    def backward_in_parts(
        self,
        parts: Parts,
        model: nn.Module,
        group: Sequence[str],
        scale: float | Tensor = 1.0,
    ) -> dict[str, Tensor]:
        """Does what `backward` does with the losses of a batch in parts.

        Returns:
            the losses of the whole batch, detached.
        """
        self._active = self.active(dict.fromkeys(parts.tasks), group)
        if not self._active:
            return {}
        tasks, values = self._names(self._active), None
        if self._needs_losses_first:
            values = stacked(parts.values(), tasks)
        like = next(p for p in model.shared_parameters()) if values is None else values
        coefficients = self._coefficients(self._active, like, values)
        grad_outputs = list((coefficients * scale).unbind())
        work = Differentiation(parts, tasks, grad_outputs, model)
        if self.aggregation is None:
            work.backward()
            sum_grad(work.everything, self.ranks)
        else:
            aggregate(work, self.aggregation, self._active, float(scale))
        return parts.losses

    def active(self, losses: dict[str, Tensor], group: Sequence[str]) -> list[int]:
        """The indices of the tasks of a group that are active in a batch."""
        return [t for t, task in enumerate(self.tasks) if task in group and task in losses]

    def after_step(self, losses: Callable[[], dict[str, Tensor]]) -> None:
        """To be called once the optimizer has stepped; `losses` gives those of the same batch."""
        if self.weighting.needs_losses_after and self._active:
            with torch.no_grad():
                after = losses()
            values = stacked(after, self._names(self._active))
            self.weighting.after_step(self._active, values)

    def end_epoch(self) -> None:
        """To be called at the end of every epoch."""
        self.weighting.end_epoch()

    def evaluated(self, accuracy: dict[str, float]) -> None:
        """To be called after every evaluation on the validation set, with the tasks' accuracies in
        [0, 1]; NaN where there was nothing to measure."""
        self.weighting.evaluated(accuracy)

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on to the last digit: plain values and tensors."""
        state = {"weighting": self.weighting.state_dict(), "gradient": {}}
        if self.aggregation:
            state |= self.aggregation.state_dict()
        return copy.deepcopy(state)  # the parts change theirs in place

    def load_state_dict(self, state: dict[str, Any]) -> None:
        state = _on_cpu(copy.deepcopy(state))  # wherever a checkpoint was loaded to
        self.weighting.load_state_dict(state["weighting"])
        if self.aggregation:
            self.aggregation.load_state_dict(state)

    def gradient_statistics(
        self, losses: dict[str, Tensor], model: nn.Module, scale: float | Tensor = 1.0
    ) -> dict[str, float]:
        """Statistics of the gradients of the losses, not weighted, at all shared parameters, by
        name: see :func:`losses.gradient_statistics.gradient_statistics`. They cost T backward
        passes, and leave the graph. The arguments are those of `backward`."""
        names = [task for task in self.tasks if task in losses]
        parts = [losses[task] for task in names]
        shared = trainable(model.shared_parameters())
        features = [feature for feature in model.features if feature.requires_grad]
        if not (parts and shared):
            return {}
        grad_outputs = [torch.ones_like(part) * scale for part in parts]
        gradients = task_gradients(
            parts, grad_outputs, features, shared, [[] for _ in parts], retain=True
        )
        flat = FlatGradients(shared, joined=self.ranks.size > 1)
        rows: list[Pieces] = []
        for at_shared, _ in gradients:
            rows += summed_slices([flat.flatten(at_shared)], self.ranks)
        return self._statistics(rows, names, float(scale))

    def gradient_statistics_in_parts(
        self, parts: Parts, model: nn.Module, scale: float | Tensor = 1.0
    ) -> dict[str, float]:
        """The statistics of `gradient_statistics` for a batch in parts. They cost a forward pass
        beside the T backward passes."""
        shared = trainable(model.shared_parameters())
        if not (parts.tasks and shared):
            return {}
        one = torch.ones((), dtype=exact_type(shared[0]), device=shared[0].device)
        ones = [one * scale] * len(parts.tasks)
        work = Differentiation(parts, parts.tasks, ones, model)
        rows, _ = work.rows_at_parameters(FlatGradients(shared, joined=self.ranks.size > 1))
        slices = summed_slices(rows.take(), self.ranks)
        return self._statistics(slices, parts.tasks, float(scale))

    def _statistics(
        self, rows: Sequence[Pieces], tasks: Sequence[str], scale: float
    ) -> dict[str, float]:
        gram = self.ranks.sum(gramian(rows)) / scale**2
        return gradient_statistics(gram, tasks, torch.finfo(rows[0][0].dtype).eps)

    def _names(self, tasks: Sequence[int]) -> list[str]:
        return [self.tasks[t] for t in tasks]

    def _coefficients(self, active: Sequence[int], loss: Tensor, values: Tensor | None) -> Tensor:
        """c_t of the active tasks, (len(active)) on the device of a loss, in its type."""
        weights = self.weighting.weights(active, values)
        if not isinstance(weights, Tensor):
            weights = tensor_on(loss.device, weights, exact_type(loss))
        return self.mean(values, weights)


def _on_cpu(state: Any) -> Any:
    """A state with all its tensors on the CPU; the parts move theirs to where the losses are."""
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_on_cpu(value) for value in state]
    return state.cpu() if isinstance(state, Tensor) else state
