"""A gradient rule at work: it takes the T gradients at its place and fills `.grad`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from losses.flat_gradients import (
    FlatGradients,
    Pieces,
    combine,
    gramian,
    head_gradients,
    task_gradients,
    vjp,
    weighted,
)
from losses.gradient.base import Aggregator
from losses.gradient.gramian import Unsolved
from losses.positions import signed_sums, weighted_at_positions
from losses.processes import any_process, sum_grad, summed_slices
from losses.whole_rows import Combine, map_columns, update_of_maps, update_of_rows
from utils.errors import ConfigError
from utils.ranks import Ranks


class GradientAggregation:
    """Differentiates the losses one by one as far as the rule's place, and as one from there on.

    - `parameters`: T backward passes through the trunk, whose gradients the rule combines
    - `last_layer`: the rule's weights come from the gradients at the last shared layer's
      parameters; one backward pass through the trunk with the weighted gradients at the features.
      Where the paper takes it there, a network that names no such layer gives the features instead
    - `features`: the same, with weights from the gradients at the shared features themselves. Over
      several feature maps the Gramian is the sum of theirs. A rule by position gives its factors
      there

    A network without shared features has `parameters` alone.

    Each head is differentiated once, and gets the gradient of its own loss.

    Each process differentiates the part of the losses that its images make. At the parameters each
    sums a slice of the T gradients over all processes, and their update is put together from the
    slices; elsewhere the Gramian alone is summed, and what the backward pass leaves in `.grad`.

    Args:
        rule: the gradient rule.
        name: its name, for the log.
        place: where it takes the gradients.
        log: takes a line that the user should read.
        ranks: the processes that share the batch.
    """

    def __init__(
        self,
        rule: Aggregator,
        name: str,
        place: str,
        log: Callable[[str], None],
        ranks: Ranks,
    ):
        self.rule = rule
        self.name = name
        self.place = place
        self.log = log
        self.ranks = ranks
        self.unsolved = 0  # steps in which the rule had no answer
        # On a CPU the last step's gradients are kept until this step's take their place: memory
        # that was given back to the system comes page by page, which costs more than the rules.
        self._spent: list[Pieces] = []

    def backward(
        self,
        losses: Sequence[Tensor],
        grad_outputs: Sequence[Tensor],
        scale: float,
        active: Sequence[int],
        values: Tensor | None,
        model: nn.Module,
    ) -> None:
        """Fills `.grad` of the parameters that the losses depend on, on every process alike.

        Args:
            losses: of the active tasks.
            grad_outputs: the factor of each loss's gradients, its coefficient times `scale`.
            scale: what the rule must not see.
            active: the tasks' indices.
            values: the losses' values; None unless the rule needs them.
            model: the network.
        """
        shared = trainable(model.shared_parameters())
        task_parameters = [trainable(model.task_parameters(self.rule.tasks[t])) for t in active]
        everything = trainable([*shared, *itertools.chain(*task_parameters)])
        features = [feature for feature in model.features if feature.requires_grad]
        if not shared:  # a frozen trunk
            torch.autograd.backward(losses, grad_outputs)
            sum_grad(everything, self.ranks)
            return

        step = Step(active, values, scale)
        self.check_place(model)
        if self.place == "parameters":
            gradients = task_gradients(losses, grad_outputs, features, shared, task_parameters)
            weights, at_heads = self._at_parameters(step, gradients, shared)
        else:
            at_features, at_heads = head_gradients(losses, grad_outputs, features, task_parameters)
            last = trainable(model.last_shared_parameters() or ())
            if self.place == "last_layer" and last:
                weights = self._at_last_layer(step, features, at_features, last, shared)
            else:
                weights = self._at_features(step, features, at_features, model)
        head_weights = weights if self.rule.weighs_heads else [1.0] * len(losses)
        add_head_gradients(task_parameters, at_heads, head_weights)
        at_place = set(shared) if self.place == "parameters" else ()  # where the sum is made
        sum_grad([p for p in everything if p not in at_place], self.ranks)

    def check_place(self, model: nn.Module) -> None:
        """Refuses a network that has no shared features, where the rule needs them.

        Raises:
            ConfigError: says why it has none.
        """
        if self.place != "parameters" and (reason := getattr(model, "no_features", "")):
            raise no_such_place(self.name, self.place, reason)

    def _at_parameters(self, step, gradients, shared):
        flat = self.flat(shared, self.rule.whole)
        rows, at_heads, used = [], [], [False] * len(shared)
        for at_shared, at_head in gradients:
            at_heads.append(at_head)
            used = [u or g is not None for u, g in zip(used, at_shared, strict=True)]
            row = [flat.flatten(at_shared)]
            del at_shared
            # At once: a slice takes less memory than what it is the sum of.
            rows += row if self.rule.whole else summed_slices(row, self.ranks)
            if self._spent:  # makes room for the gradients of the next task
                self._spent.pop()
        self._spent = [] if flat.joined else rows[1:]
        return self.fill(step, rows, used, flat), at_heads

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
        update, weights = self._update_of_parameters(step, rows, flat.length)
        gradients, used = flat.unflatten(update), any_process(used, self.ranks)
        for parameter, gradient, is_used in zip(flat.tensors, gradients, used, strict=True):
            parameter.grad = gradient if is_used else None
        return weights

    def _update_of_parameters(
        self, step: Step, rows: list[Pieces], length: int
    ) -> tuple[Pieces, list[float]]:
        """The update of `length` numbers, and the tasks' weights in it (ones where it is no
        weighted sum), from this process's slices of the gradients."""
        if self.rule.whole:
            joined, unscaled = [row for [row] in rows], self.combine_unscaled(step.scale)
            return [update_of_rows(unscaled, joined, self.ranks)], [1.0] * len(rows)
        weights = self.weights(step, gramian(rows), rows[0][0].dtype)
        update = combine(rows, weighted(weights, overwrite=True))
        if self.ranks.size > 1:
            update = [self.ranks.joined(*update, length)]
        return update, weights

    def _at_last_layer(self, step, features, at_features, last, shared):
        flat = self.flat(last)
        rows = [flat.flatten(vjp(features, at, last, retain=True)) for at in at_features]
        slices = summed_slices(rows, self.ranks)
        weights = self.weights(step, gramian(slices), rows[0][0].dtype)
        update = combine(rows, weighted(weights))
        for parameter, gradient in zip(last, flat.unflatten(update), strict=True):
            parameter.grad = gradient
        features, flat, rows = self.feature_rows(features, at_features)
        grad_outputs = flat.unflatten(combine(rows, weighted(weights)))
        done = set(last)
        rest = [parameter for parameter in shared if parameter not in done]
        if rest:
            torch.autograd.backward(features, grad_outputs, inputs=rest)
        return weights

    def _at_features(self, step, features, at_features, model):
        if self.rule.by_position:
            features, at_features = reached(features, at_features)
            factors = self.factors(signed_sums(features, at_features), step.active)
            update = weighted_at_positions(features, at_features, factors)
            torch.autograd.backward(features, update)
            return [1.0] * len(at_features)
        features, flat, rows = self.feature_rows(features, at_features)
        if self.rule.whole:
            maps = [map_columns(feature, model.place) for feature in features]
            update = update_of_maps(self.combine_unscaled(step.scale), rows, maps, self.ranks)
            weights = [1.0] * len(rows)
        else:
            weights = self.weights(step, gramian(rows), rows[0][0].dtype)
            # A row may be what a head got as well: it must not be overwritten.
            update = combine(rows, weighted(weights))
        torch.autograd.backward(features, flat.unflatten(update))
        return weights

    def feature_rows(self, features, at_features):
        """The features that any task depends on, and the rows of the gradients there."""
        features, at_features = reached(features, at_features)
        joined = features[0].is_cuda and not self.rule.whole
        flat = FlatGradients(features, joined)
        return features, flat, [flat.flatten(row) for row in at_features]

    def flat(self, parameters: Sequence[Tensor], joined: bool = False) -> FlatGradients:
        """The layout of gradients at parameters. Processes exchange joined ones."""
        return FlatGradients(parameters, joined or parameters[0].is_cuda or self.ranks.size > 1)

    def combine_unscaled(self, scale: float) -> Combine:
        """The rule's `combine`, which must not see the scale."""

        def combine(gradients: Sequence[Tensor]) -> Tensor:
            if scale == 1:
                return self.rule.combine(gradients)
            return self.rule.combine([g / scale for g in gradients]) * scale

        return combine

    def factors(self, sums: Tensor, active: Sequence[int]) -> Tensor:
        """The factors of a rule by position, the same on all processes. The scale of the losses
        changes none: the rule compares.

        Args:
            sums: (T, n) those of :func:`losses.positions.signed_sums`, over the images at hand.
            active: (T) the tasks' indices.
        """
        return self.rule.factors(self.ranks.sum(sums), active)

    def weights(self, step: Step, gram: Tensor, dtype: torch.dtype) -> list[float]:
        """The rule's weights, the same on all processes; equal ones where it has none.

        Args:
            gram: (T, T) the Gramian of this process's part of the gradients.
            dtype: of the gradients.
        """
        gram = self.ranks.sum(gram) / step.scale**2
        # In the gradients' type, which tells the rule how exact they are.
        gram = gram.to("cpu", dtype)
        losses = step.values.cpu() if self.rule.needs_losses else None
        equal = [1 / len(gram)] * len(gram)
        if not gram.isfinite().all():
            return equal  # an overflow: the step is skipped under loss scaling
        try:
            return self.rule.weights(gram, step.active, losses).tolist()
        except Unsolved as reason:
            self.unsolved += 1
            if math.log10(self.unsolved).is_integer():
                self.log(
                    f"{self.name} had no answer ({reason}): equal weights in this step"
                    f" ({self.unsolved} so far)"
                )
            return equal


def no_such_place(rule: str, place: str, reason: str) -> ConfigError:
    """The mistake of a rule at a place that a network does not have, to be raised."""
    where = "the last shared layer" if place == "last_layer" else "the shared features"
    return ConfigError(
        f"{rule} takes the gradients at {where}, and {reason}; take gradient_at = parameters",
        "gradient_at",
    )


class Step(NamedTuple):
    """What a rule may know of a step besides the gradients."""

    active: Sequence[int]
    values: Tensor | None
    scale: float


def reached(
    features: Sequence[Tensor], at_features: Sequence[Sequence[Tensor | None]]
) -> tuple[list[Tensor], list[list[Tensor | None]]]:
    """The features that any task depends on, and the tasks' gradients there."""
    used = [k for k in range(len(features)) if any(row[k] is not None for row in at_features)]
    return [features[k] for k in used], [[row[k] for k in used] for row in at_features]


def trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters that are trained, each once."""
    return list(dict.fromkeys(p for p in parameters if p.requires_grad))


def add_head_gradients(
    task_parameters: Sequence[Sequence[nn.Parameter]],
    gradients: Sequence[Sequence[Tensor | None]],
    weights: Sequence[float],
) -> None:
    """Adds the gradients of each head, times the task's weight, to `.grad`."""
    for parameters, at_head, weight in zip(task_parameters, gradients, weights, strict=True):
        for parameter, gradient in zip(parameters, at_head, strict=True):
            if gradient is None:
                continue
            if parameter.grad is None:
                parameter.grad = gradient * weight
            else:
                parameter.grad.add_(gradient, alpha=weight)
