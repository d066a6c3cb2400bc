"""A gradient rule at work: it takes the T gradients at its place and fills `.grad`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

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
from losses.gradient.gramian import Unsolved
from losses.gradient.kept_weights import KeptWeights
from losses.positions import signed_sums, weighted_at_positions
from losses.processes import any_process, sum_grad, summed_slices
from losses.whole_rows import Combine, map_columns, update_of_maps, update_of_rows
from utils.errors import ConfigError
from utils.ranks import Ranks

# The gradients of fewer shared parameters than this are one piece.
_SMALL_NETWORK = 2**20


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
        self.log = log
        self.ranks = ranks
        self.kept = kept or KeptWeights(len(rule.tasks))
        self.remembers = bool(rule.remembers(rule.settings))
        self.by_layer = rule.by_layer(rule.settings)
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
        at_place: set[nn.Parameter] = set()  # where the sum over the processes is made
        kept = self.kept.next(active)
        if self.place == "parameters" and kept is None and not self.rule.compares_parts:
            chosen = self.rule.differentiated(active)
            gradients = task_gradients(
                losses, grad_outputs, features, shared, task_parameters, chosen
            )
            weights, at_heads = self._at_parameters(step, gradients, shared)
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

    def _at_parameters(self, step, gradients, shared):
        flat = self.flat(shared, self.whole)
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
            joined, unscaled = [row for [row] in rows], self.combine_unscaled(step.scale)
            return [update_of_rows(unscaled, joined, self.ranks)], [1.0] * len(rows)
        if self.remembers:
            return self._update_from_memory(step, [row for [row] in rows])
        if self.by_layer:
            update, weights = self._update_by_layer(step, rows, flat), [1.0] * len(rows)
        else:
            weights = self.weights(step, gramian(rows), rows[0][0].dtype)
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
        tracked, positions = self.rule.track(rows, norms, step.active, self._losses(step))
        products = gramian([[row] for row in tracked]).to("cpu", rows[0].dtype)
        weights = self._solved(step.of(positions), products)
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

    def _across_parts(self, step, features, at_features, at, model):
        """For a rule that compares parts of the batch, at the parameters `at`."""
        flat = self.flat(at)
        sides = [self.part_rows(flat, features, at_features, part, model) for part in (0, 1)]
        sides = [summed_slices(rows, self.ranks) for rows in sides]
        weights = self.weights(step, cross_gramian(*sides), sides[0][0][0].dtype)
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
        """The layout of gradients at parameters. Processes exchange joined ones; those of a small
        network are joined as a call for each takes longer than their numbers."""
        small = sum(tensor.numel() for tensor in parameters) < _SMALL_NETWORK
        joined = joined or small or parameters[0].is_cuda or self.ranks.size > 1
        return FlatGradients(parameters, joined)

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
        return self._solved(step, gram.to("cpu", dtype))

    def _solved(self, step: Step, gram: Tensor) -> list[float]:
        """The rule's weights from the Gramian of the whole batch's gradients, on the CPU."""
        equal = [1 / len(gram)] * len(gram)
        if not gram.isfinite().all():
            return equal  # an overflow: the step is skipped under loss scaling
        try:
            weights = self.rule.weights(gram, step.active, self._losses(step))
        except Unsolved as reason:
            self.unsolved += 1
            if math.log10(self.unsolved).is_integer():
                self.log(
                    f"{self.name} had no answer ({reason}): equal weights in this step"
                    f" ({self.unsolved} so far)"
                )
            return equal
        return self.kept.solved(step.active, weights).tolist()

    def _losses(self, step: Step) -> Tensor | None:
        return step.values.cpu() if self.rule.needs_losses else None

    def state_dict(self) -> dict[str, Any]:
        return {"gradient": self.rule.state_dict(), "kept": self.kept.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rule.load_state_dict(state["gradient"])
        if "kept" in state:
            self.kept.load_state_dict(state["kept"])


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


class Step(NamedTuple):
    """What a rule may know of a step besides the gradients."""

    active: Sequence[int]
    values: Tensor | None
    scale: float

    def of(self, positions: Sequence[int]) -> Step:
        """The same for some of the active tasks."""
        values = None if self.values is None else self.values[list(positions)]
        return Step([self.active[k] for k in positions], values, self.scale)


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
