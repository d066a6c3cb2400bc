"""A gradient rule at all shared parameters: their update from the T gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from losses.flat_gradients import FlatGradients, Pieces, combine, gramian, weighted
from losses.gradient.base import Aggregator
from losses.processes import any_process, summed_slices
from losses.rule_weights import RuleWeights, Step
from losses.whole_rows import Combine, update_of_rows
from utils.ranks import Ranks

# The gradients of fewer shared parameters than this are one piece.
_SMALL_NETWORK = 2**20


def layout(parameters: Sequence[Tensor], ranks: Ranks, joined: bool = False) -> FlatGradients:
    """The layout of gradients at parameters. Processes exchange joined ones; those of a small
    network are joined as a call for each takes longer than their numbers."""
    small = sum(tensor.numel() for tensor in parameters) < _SMALL_NETWORK
    joined = joined or small or parameters[0].is_cuda or ranks.size > 1
    return FlatGradients(parameters, joined)


class ParameterUpdate:
    """Fills `.grad` of the shared parameters.

    Args:
        rule: the gradient rule.
        solver: finds its weights.
        ranks: the processes that share the batch.
    """

    def __init__(self, rule: Aggregator, solver: RuleWeights, ranks: Ranks):
        self.rule, self.solver, self.ranks = rule, solver, ranks
        self.remembers = bool(rule.remembers(rule.settings))
        self.by_layer = rule.by_layer(rule.settings)
        # On a CPU the last step's gradients are kept until this step's take their place: memory
        # that was given back to the system comes page by page, which costs more than the rules.
        self._spent: list[Pieces] = []

    def update(
        self,
        step: Step,
        gradients: Iterable[tuple[Sequence[Tensor | None] | None, Sequence[Tensor | None]]],
        shared: Sequence[nn.Parameter],
    ) -> tuple[list[float], list[Sequence[Tensor | None]]]:
        """Fills `.grad` of the shared parameters by the gradients of one task after another.

        Args:
            gradients: those of :func:`losses.flat_gradients.task_gradients`.
            shared: the shared parameters that are trained.

        Returns:
            the tasks' weights, and the gradients of their heads.
        """
        flat = layout(shared, self.ranks, self.whole)
        rows, at_heads, used = [], [], [False] * len(shared)
        for at_shared, at_head in gradients:
            at_heads.append(at_head)
            if at_shared is None:
                continue
            used = [u or g is not None for u, g in zip(used, at_shared, strict=True)]
            row = [flat.flatten(at_shared)]
            del at_shared
            # At once: a slice takes less memory than what it is the sum of.
            rows += row if self.whole else summed_slices(row, self.ranks)
            if self._spent:  # makes room for the gradients of the next task
                self._spent.pop()
        self._spent = [] if flat.joined else rows[1:]
        return self.fill(step, rows, used, flat), at_heads

    @property
    def whole(self) -> bool:
        """Whether each process needs the T gradients at the parameters whole."""
        return self.rule.whole or self.remembers

    def fill(
        self, step: Step, rows: list[Pieces], used: Sequence[bool], flat: FlatGradients
    ) -> list[float]:
        """Fills `.grad` of the shared parameters.

        Args:
            rows: this process's slices of the T gradients; for a rule that needs them whole, what
                it adds to them.
            used: whether any task has a gradient of each parameter.
            flat: the layout of the gradients.

        Returns:
            the tasks' weights.
        """
        update, weights = self._update_of_parameters(step, rows, flat)
        used = any_process(used, self.ranks)
        if self.remembers:
            used = self.rule.used = [a or b for a, b in itertools.zip_longest(self.rule.used, used)]
        gradients = flat.unflatten(update)
        for parameter, gradient, is_used in zip(flat.tensors, gradients, used, strict=True):
            parameter.grad = gradient if is_used else None
        return weights

    def _update_of_parameters(
        self, step: Step, rows: list[Pieces], flat: FlatGradients
    ) -> tuple[Pieces, list[float]]:
        """The update, and the tasks' weights in it (ones where it is no weighted sum), from this
        process's slices of the gradients."""
        if self.rule.whole:
            combined = unscaled(self.rule, step.scale)
            whole = update_of_rows(combined, [row for [row] in rows], self.ranks)
            return [whole], [1.0] * len(rows)
        if self.remembers:
            return self._update_from_memory(step, [row for [row] in rows])
        if self.by_layer:
            update, weights = self._update_by_layer(step, rows, flat), [1.0] * len(rows)
        else:
            weights = self.solver.weights(step, gramian(rows), rows[0][0].dtype)
            update = combine(rows, weighted(weights, overwrite=True))
        if self.ranks.size > 1:
            update = [self.ranks.joined(*update, flat.length)]
        return update, weights

    def _update_from_memory(self, step: Step, rows: list[Tensor]) -> tuple[Pieces, list[float]]:
        """The update of a rule that remembers, from what this process adds to the gradients. All
        processes have the same memory, to the last bit."""
        self.ranks.sum_gradients(rows)
        for row in rows:
            row.div_(step.scale)
        norms = torch.stack([row.double().norm() for row in rows]).to("cpu")
        if not norms.isfinite().all():  # an overflow: the step is skipped under loss scaling
            return [sum(rows)], [1.0] * len(step.active)
        tracked, positions = self.rule.track(rows, norms, step.active, self.solver.losses(step))
        products = gramian([[row] for row in tracked]).to("cpu", rows[0].dtype)
        weights = self.solver.solved(step.of(positions), products)
        update = combine([[row] for row in tracked], weighted(weights))
        by_position = dict(zip(positions, weights, strict=True))
        weights = [by_position.get(k, 0.0) for k in range(len(step.active))]
        return [row.mul_(step.scale) for row in update], weights

    def _update_by_layer(self, step: Step, rows: list[Pieces], flat: FlatGradients) -> Pieces:
        """The update of a rule by layer, of this process's slices."""
        layers = [self._layers(row, flat) for row in rows]
        products = torch.stack(
            [gramian([[piece] for piece in pieces]) for pieces in zip(*layers, strict=True)]
        )
        products = self.ranks.sum(products).to("cpu") / step.scale**2
        equal = torch.full(products.shape[:2], 1 / len(rows), dtype=torch.float64)
        finite = products.isfinite().all()
        weights = self.rule.layer_weights(products, step.active) if finite else equal
        update = [
            weighted(each)(pieces)
            for each, pieces in zip(weights.tolist(), zip(*layers, strict=True), strict=True)
        ]
        return [torch.cat(update)] if flat.joined else update

    def _layers(self, row: Pieces, flat: FlatGradients) -> Pieces:
        """What this process has of the gradient at each parameter tensor, which may be nothing."""
        if not flat.joined:
            return row
        columns, start, layers = self.ranks.columns(flat.length), 0, []
        for tensor in flat.tensors:
            ends = (start, start + tensor.numel())
            low, high = (min(max(end, columns.start), columns.stop) for end in ends)
            layers.append(row[0][low - columns.start : high - columns.start])
            start = ends[1]
        return layers


def unscaled(rule: Aggregator, scale: float) -> Combine:
    """The `combine` of a rule, which must not see the scale of the losses."""

    def combine(gradients: Sequence[Tensor]) -> Tensor:
        if scale == 1:
            return rule.combine(gradients)
        return rule.combine([g / scale for g in gradients]) * scale

    return combine
