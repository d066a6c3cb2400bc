"""The gradients of a batch that is differentiated in parts, as its graph would not fit into memory.

The loss of a task is a sum over the parts, so its gradient is as well. A rule at the parameters
combines the T sums. At the last shared layer or at the features its weights need them first: the
parts are gone through twice.

A loop over parts deletes what belongs to a part's graph at its end: a name would keep the graph in
memory while that of the next part grows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from losses.aggregation import GradientAggregation, reached
from losses.at_parameters import layout, unscaled
from losses.batch_parts import of_part
from losses.flat_gradients import (
    FlatGradients,
    Pieces,
    combine,
    cross_gramian,
    gramian,
    head_gradients,
    task_gradients,
    vjp,
    weighted,
)
from losses.positions import signed_sums, weighted_at_positions
from losses.processes import sum_grad, summed_slices
from losses.rule_weights import Step
from losses.trained_parameters import add_head_gradients, trainable
from losses.whole_rows import cut, map_columns, placed, update_of_rows
from utils.precision import at_least_float32


class Parts(Protocol):
    """A batch in parts. Iterating runs the network on one part after the other, which gives what
    each adds to the losses, a scalar with a graph for each active task. It can be done again, with
    the same losses: dropout masks are the same, and running statistics change in the first run
    alone.

    Attributes:
        tasks: the active tasks, in order.
        losses: of the whole batch, detached, once it was gone through.
    """

    tasks: Sequence[str]
    losses: dict[str, Tensor]

    def __iter__(self) -> Iterator[dict[str, Tensor]]: ...

    def values(self) -> dict[str, Tensor]:
        """The losses of the whole batch; the parts are gone through without a graph."""


class Rows:
    """The gradients of T tasks, which grow part by part.

    Args:
        flat: their layout.

    Attributes:
        used: whether any task has a gradient of each tensor.
    """

    def __init__(self, flat: FlatGradients):
        self.flat = flat
        self.used = [False] * len(flat.tensors)
        self._sums: list[Pieces] = []

    def add(self, task: int, gradients: Sequence[Tensor | None]) -> None:
        """Adds the gradients of a part; the tasks come in order, from 0."""
        self.used = [u or g is not None for u, g in zip(self.used, gradients, strict=True)]
        self.add_pieces(task, self.flat.flatten(gradients))

    def add_pieces(self, task: int, pieces: Pieces) -> None:
        """The same for gradients that are flat."""
        if task == len(self._sums):
            self._sums.append(pieces)
            return
        for total, piece in zip(self._sums[task], pieces, strict=True):
            total.add_(piece)

    def take(self) -> list[Pieces]:
        """The T gradients, which are not kept."""
        sums, self._sums = self._sums, []
        return sums


class Differentiation:
    """The losses of some tasks on a batch in parts, to be differentiated.

    Args:
        parts: the batch.
        tasks: the T tasks whose losses are differentiated.
        grad_outputs: T scalars, the factor of each loss's gradients.
        model: the network.
    """

    def __init__(
        self, parts: Parts, tasks: Sequence[str], grad_outputs: Sequence[Tensor], model: nn.Module
    ):
        self.parts, self.tasks = parts, list(tasks)
        self.grad_outputs, self.model = list(grad_outputs), model
        self.shared = trainable(model.shared_parameters())
        self.task_parameters = [trainable(model.task_parameters(task)) for task in tasks]
        self.everything = trainable([*self.shared, *itertools.chain(*self.task_parameters)])

    def backward(self) -> None:
        """Adds the gradients of the weighted sum of the losses to `.grad`."""
        for losses in self._losses():
            torch.autograd.backward(losses, self.grad_outputs)
            del losses

    def heads(
        self, with_parameters: bool = True
    ) -> Iterator[tuple[list[Tensor], list[list[Tensor | None]], list[list[Tensor | None]]]]:
        """Of each part: the shared maps, the T losses' gradients there, and those at the heads'
        parameters, where they are wanted."""
        parameters = self.task_parameters if with_parameters else [[]] * len(self.tasks)
        for losses in self._losses():
            features = [feature for feature in self.model.features if feature.requires_grad]
            gradients = head_gradients(losses, self.grad_outputs, features, parameters)
            yield features, *gradients
            del losses, features, gradients

    def rows_at_parameters(
        self, flat: FlatGradients, positions: Sequence[int] | None = None
    ) -> tuple[Rows, list[list[Tensor | None]]]:
        """The gradients at the shared parameters, of all T tasks or of those at some positions, and
        those at the heads' parameters."""
        positions = range(len(self.tasks)) if positions is None else positions
        rows, at_heads = Rows(flat), [[None] * len(p) for p in self.task_parameters]
        for losses in self._losses():
            features = [feature for feature in self.model.features if feature.requires_grad]
            gradients = task_gradients(
                losses,
                self.grad_outputs,
                features,
                self.shared,
                self.task_parameters,
                positions,
            )
            number = 0
            for t, (at_shared, at_head) in enumerate(gradients):
                if at_shared is not None:
                    rows.add(number, at_shared)
                    number += 1
                at_heads[t] = _added(at_heads[t], at_head)
            del losses, features, gradients, at_shared, at_head
        return rows, at_heads

    def _losses(self) -> Iterator[list[Tensor]]:
        for losses in self.parts:
            yield [losses[task] for task in self.tasks]
            del losses


def aggregate(
    work: Differentiation, aggregation: GradientAggregation, active: Sequence[int], scale: float
) -> None:
    """Fills `.grad` by a gradient rule, as :meth:`GradientAggregation.backward` does for a batch
    that is whole."""
    if not work.shared:  # a frozen trunk
        work.backward()
        sum_grad(work.everything, aggregation.ranks)
        return
    rule, last = aggregation.rule, trainable(work.model.last_shared_parameters() or ())
    aggregation.check_place(work.model)
    at_place: set[Tensor] = set()  # where the sum over the processes is made
    if weights := aggregation.kept.next(active):
        _by_weights(work, aggregation, weights)
    elif rule.compares_parts:
        at = last if aggregation.place == "last_layer" and last else work.shared
        _across_parts(work, aggregation, active, scale, at)
    elif aggregation.place == "parameters":
        _at_parameters(work, aggregation, active, scale)
        at_place = set(work.shared)
    elif rule.by_position:
        _by_position(work, aggregation, active)
    elif rule.whole:
        _by_whole_rows(work, aggregation, scale)
    else:
        at_last_layer = aggregation.place == "last_layer" and last
        gram, dtype = _gramian_at(work, aggregation, last if at_last_layer else [])
        step = Step(active, _values(work), scale)
        _by_weights(work, aggregation, aggregation.solver.weights(step, gram, dtype))
    sum_grad([p for p in work.everything if p not in at_place], aggregation.ranks)


def _at_parameters(work, aggregation, active, scale) -> None:
    rule = aggregation.rule
    needs_whole = aggregation.at_parameters.whole
    flat = layout(work.shared, aggregation.ranks, needs_whole)
    rows, at_heads = work.rows_at_parameters(flat, rule.differentiated(active))
    gradients = rows.take()
    if not needs_whole:
        gradients = list(summed_slices(gradients, aggregation.ranks))
    step = Step(active, _values(work), scale)
    weights = aggregation.at_parameters.fill(step, gradients, rows.used, rows.flat)
    add_head_gradients(work.task_parameters, at_heads, _head_weights(aggregation, weights))


def _gramian_at(
    work: Differentiation, aggregation: GradientAggregation, last: Sequence[nn.Parameter]
) -> tuple[Tensor, torch.dtype]:
    """The Gramian of the gradients at the last layer's parameters, or without them at the features:
    of this process's part of them; and the type of the gradients."""
    grams, rows = [], Rows(layout(last, aggregation.ranks)) if last else None
    for features, at_features, _ in work.heads(with_parameters=False):
        if rows is None:
            pieces = aggregation.feature_rows(features, at_features)[2]
            grams.append(gramian(pieces))
        else:
            for t, at in enumerate(at_features):
                rows.add(t, vjp(features, at, last, retain=True))
        del features, at_features
    if rows is not None:
        pieces = summed_slices(rows.take(), aggregation.ranks)
        grams.append(gramian(pieces))
    return sum(grams), pieces[0][0].dtype


def _across_parts(work, aggregation, active, scale: float, at: Sequence[nn.Parameter]) -> None:
    """The same for a rule that compares parts of the batch."""
    sides = [Rows(layout(at, aggregation.ranks)) for _ in range(2)]
    for features, at_features, _ in work.heads(with_parameters=False):
        for part, side in enumerate(sides):
            rows = aggregation.part_rows(side.flat, features, at_features, part, work.model)
            for t, row in enumerate(rows):
                side.add_pieces(t, row)
        del features, at_features, rows
    slices = [summed_slices(side.take(), aggregation.ranks) for side in sides]
    step = Step(active, _values(work), scale)
    weights = aggregation.solver.weights(step, cross_gramian(*slices), slices[0][0][0].dtype)
    _by_weights(work, aggregation, weights, third=True)


def _by_weights(work, aggregation, weights: Sequence[float], third: bool = False) -> None:
    """Adds Σ α_t g_t to `.grad` of the shared parameters, and the heads' gradients to theirs. The
    g_t are those of the whole batch, or of its third part."""
    if not third and getattr(work.model, "no_features", ""):
        _by_weights_of_losses(work, aggregation, weights)
        return
    for features, at_features, at_heads in work.heads():
        if third:
            at_features = of_part(at_features, 2, work.model.place)
        features, flat, rows = aggregation.feature_rows(features, at_features)
        torch.autograd.backward(features, flat.unflatten(combine(rows, weighted(weights))))
        add_head_gradients(work.task_parameters, at_heads, _head_weights(aggregation, weights))
        del features, flat, rows, at_features, at_heads


def _by_weights_of_losses(work, aggregation, weights: Sequence[float]) -> None:
    """The same for a network without shared features."""
    scaled = [g * weight for g, weight in zip(work.grad_outputs, weights, strict=True)]
    for losses in work._losses():
        _, at_heads = head_gradients(losses, work.grad_outputs, [], work.task_parameters, True)
        torch.autograd.backward(losses, scaled, inputs=work.shared)
        add_head_gradients(work.task_parameters, at_heads, _head_weights(aggregation, weights))
        del losses, at_heads


def _by_position(work, aggregation, active: Sequence[int]) -> None:
    """The same for a rule that gives factors at the positions of the maps."""
    sums: Tensor | None = None
    for features, at_features, _ in work.heads(with_parameters=False):
        features, at_features = reached(features, at_features)
        part = signed_sums(features, at_features)
        sums = part if sums is None else sums.add_(part)
        del features, at_features
    factors = aggregation.factors(sums, active)
    for features, at_features, at_heads in work.heads():
        features, at_features = reached(features, at_features)
        update = weighted_at_positions(features, at_features, factors)
        torch.autograd.backward(features, update)
        add_head_gradients(work.task_parameters, at_heads, [1.0] * len(active))
        del features, at_features, at_heads, update


def _by_whole_rows(work, aggregation, scale: float) -> None:
    """The same for a rule that needs the gradients at the maps of all images at once."""
    update = _update_of_whole_maps(work, aggregation, scale)
    for features, at_features, at_heads in work.heads():
        features, flat, _ = aggregation.feature_rows(features, at_features)
        maps = [map_columns(feature, work.model.place) for feature in features]
        torch.autograd.backward(features, flat.unflatten(cut(update, maps)))
        add_head_gradients(work.task_parameters, at_heads, [1.0] * len(work.tasks))
        del features, flat, at_features, at_heads


def _update_of_whole_maps(work, aggregation, scale: float) -> Tensor:
    total: list[Tensor] = []
    for features, at_features, _ in work.heads(with_parameters=False):
        features, flat, rows = aggregation.feature_rows(features, at_features)
        part = placed(rows, [map_columns(feature, work.model.place) for feature in features])
        total = [a.add_(b) for a, b in zip(total, part, strict=True)] if total else part
        del features, flat, at_features, rows
    return update_of_rows(unscaled(aggregation.rule, scale), total, aggregation.ranks)


def _values(work: Differentiation) -> Tensor:
    """The losses of the whole batch, (T), which was gone through."""
    return stacked(work.parts.losses, work.tasks)


def _head_weights(aggregation: GradientAggregation, weights: Sequence[float]) -> Sequence[float]:
    return weights if aggregation.rule.weighs_heads else [1.0] * len(weights)


def _added(
    totals: Sequence[Tensor | None], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Sums, in which None counts as nothing."""
    pairs = zip(totals, gradients, strict=True)
    return [g if total is None else total if g is None else total + g for total, g in pairs]


def stacked(losses: Mapping[str, Tensor], tasks: Sequence[str]) -> Tensor:
    """The losses of some tasks as a tensor without a graph, float32 or float64."""
    return at_least_float32(torch.stack([losses[task].detach() for task in tasks]))
