"""A gradient rule at work: it takes the T gradients at its place and fills `.grad`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from losses.at_parameters import ParameterUpdate, layout, unscaled
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
from losses.gradient.base import Aggregator
from losses.gradient.kept_weights import KeptWeights
from losses.positions import signed_sums, weighted_at_positions
from losses.processes import sum_grad, summed_slices
from losses.rule_weights import RuleWeights, Step
from losses.trained_parameters import add_head_gradients, trainable
from losses.whole_rows import map_columns, update_of_maps
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

    A step in which the rule's weights are kept takes one backward pass, as the last two places do.
    A rule that compares parts of a batch takes the T gradients of two of them at its place, and one
    backward pass with the weighted gradients of the third.

    Each process differentiates the part of the losses that its images make. At the parameters each
    sums a slice of the T gradients over all processes, and their update is put together from the
    slices; elsewhere the Gramian alone is summed, and what the backward pass leaves in `.grad`.

    Args:
        rule: the gradient rule.
        name: its name, for the log.
        place: where it takes the gradients.
        log: takes a line that the user should read.
        ranks: the processes that share the batch.
        kept: the weights that the rule has given.
    """

    def __init__(
        self,
        rule: Aggregator,
        name: str,
        place: str,
        log: Callable[[str], None],
        ranks: Ranks,
        kept: KeptWeights | None = None,
    ):
        self.rule = rule
        self.name = name
        self.place = place
        self.ranks = ranks
        self.kept = kept or KeptWeights(len(rule.tasks))
        self.solver = RuleWeights(rule, name, log, ranks, self.kept)
        self.at_parameters = ParameterUpdate(rule, self.solver, ranks)

    @property
    def unsolved(self) -> int:
        """The number of steps in which the rule had no answer."""
        return self.solver.unsolved

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
        at_place: set[nn.Parameter] = set()  # where the sum over the processes is made
        kept = self.kept.next(active)
        if self.place == "parameters" and kept is None and not self.rule.compares_parts:
            chosen = self.rule.differentiated(active)
            gradients = task_gradients(
                losses, grad_outputs, features, shared, task_parameters, chosen
            )
            weights, at_heads = self.at_parameters.update(step, gradients, shared)
            at_place = set(shared)
        else:
            at_features, at_heads = head_gradients(
                losses, grad_outputs, features, task_parameters, retain=not features
            )
            last = trainable(model.last_shared_parameters() or ())
            if kept is not None:
                weights = kept
                self._weighted(losses, grad_outputs, features, at_features, shared, weights)
            elif self.rule.compares_parts:
                at = last if self.place == "last_layer" and last else shared
                weights = self._across_parts(step, features, at_features, at, model)
            elif self.place == "last_layer" and last:
                weights = self._at_last_layer(step, features, at_features, last, shared)
            else:
                weights = self._at_features(step, features, at_features, model)
        head_weights = weights if self.rule.weighs_heads else [1.0] * len(losses)
        add_head_gradients(task_parameters, at_heads, head_weights)
        sum_grad([p for p in everything if p not in at_place], self.ranks)

    def check_place(self, model: nn.Module) -> None:
        """Refuses a network that has no shared features, where the rule needs them.

        Raises:
            ConfigError: says why it has none.
        """
        needed = self.place != "parameters" or self.rule.compares_parts
        if needed and (reason := getattr(model, "no_features", "")):
            raise no_such_place(self.name, self.place, reason)

    def _across_parts(self, step, features, at_features, at, model):
        """For a rule that compares parts of the batch, at the parameters `at`."""
        flat = layout(at, self.ranks)
        sides = [self.part_rows(flat, features, at_features, part, model) for part in (0, 1)]
        sides = [summed_slices(rows, self.ranks) for rows in sides]
        weights = self.solver.weights(step, cross_gramian(*sides), sides[0][0][0].dtype)
        third = of_part(at_features, 2, model.place)
        self._weighted_at_features(features, third, weights)
        return weights

    def part_rows(self, flat, features, at_features, part, model) -> list[Pieces]:
        """The T gradients of a part of the batch; the graph is kept."""
        of_this = of_part(at_features, part, model.place)
        return [flat.flatten(vjp(features, at, flat.tensors, retain=True)) for at in of_this]

    def _weighted(self, losses, grad_outputs, features, at_features, shared, weights) -> None:
        """Adds Σ α_t g_t to `.grad` of the shared parameters, in one backward pass."""
        if features:
            self._weighted_at_features(features, at_features, weights)
            return
        scaled = [g * weight for g, weight in zip(grad_outputs, weights, strict=True)]
        torch.autograd.backward(losses, scaled, inputs=shared)

    def _weighted_at_features(self, features, at_features, weights: Sequence[float]) -> None:
        """Adds Σ α_t g_t to `.grad`, in one backward pass from the features."""
        features, flat, rows = self.feature_rows(features, at_features)
        # A row may be what a head got as well: it must not be overwritten.
        torch.autograd.backward(features, flat.unflatten(combine(rows, weighted(weights))))

    def _at_last_layer(self, step, features, at_features, last, shared):
        flat = layout(last, self.ranks)
        rows = [flat.flatten(vjp(features, at, last, retain=True)) for at in at_features]
        slices = summed_slices(rows, self.ranks)
        weights = self.solver.weights(step, gramian(slices), rows[0][0].dtype)
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
            update = update_of_maps(unscaled(self.rule, step.scale), rows, maps, self.ranks)
            weights = [1.0] * len(rows)
        else:
            weights = self.solver.weights(step, gramian(rows), rows[0][0].dtype)
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

    def factors(self, sums: Tensor, active: Sequence[int]) -> Tensor:
        """The factors of a rule by position, the same on all processes. The scale of the losses
        changes none: the rule compares.

        Args:
            sums: (T, n) those of :func:`losses.positions.signed_sums`, over the images at hand.
            active: (T) the tasks' indices.
        """
        return self.rule.factors(self.ranks.sum(sums), active)

    def state_dict(self) -> dict[str, Any]:
        return {"gradient": self.rule.state_dict(), "kept": self.kept.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rule.load_state_dict(state["gradient"])
        if "kept" in state:
            self.kept.load_state_dict(state["kept"])


def reached(
    features: Sequence[Tensor], at_features: Sequence[Sequence[Tensor | None]]
) -> tuple[list[Tensor], list[list[Tensor | None]]]:
    """The features that any task depends on, and the tasks' gradients there."""
    used = [k for k in range(len(features)) if any(row[k] is not None for row in at_features)]
    return [features[k] for k in used], [[row[k] for k in used] for row in at_features]


def no_such_place(rule: str, place: str, reason: str) -> ConfigError:
    """The mistake of a rule at a place that a network does not have, to be raised."""
    if place == "parameters":
        return ConfigError(
            f"{rule} takes the gradients of parts of the batch from the shared features, and "
            f"{reason}; take another rule",
            "gradient",
        )
    where = "the last shared layer" if place == "last_layer" else "the shared features"
    return ConfigError(
        f"{rule} takes the gradients at {where}, and {reason}; take gradient_at = parameters",
        "gradient_at",
    )
