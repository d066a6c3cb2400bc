"""A gradient rule at work: it takes the T gradients at its place and fills `.grad`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from losses.backward import Layout, Pieces, combine, gramian, heads, pull_back, weighted
from losses.gradient.base import Rule
from losses.gradient.gramian import Unsolved


class Surgery:
    """Differentiates the losses one by one as far as the rule's place, and as one from there on.

    - `parameters`: T backward passes through the trunk, whose gradients the rule combines
    - `last_layer`: the rule's weights come from the gradients at the last shared layer's
      parameters; one backward pass through the trunk with the weighted gradients at the features.
      A network that names no such layer gives the features instead
    - `features`: the same, with weights from the gradients at the shared features themselves. Over
      several feature maps the Gramian is the sum of theirs

    Each head is differentiated once, and gets the gradient of its own loss.

    Args:
        rule: the gradient rule.
        name: its name, for the log.
        place: where it takes the gradients.
        all_sum, log: those of :class:`losses.objective.Objective`.
    """

    def __init__(
        self,
        rule: Rule,
        name: str,
        place: str,
        all_sum: Callable[[Tensor], Tensor] | None,
        log: Callable[[str], None],
    ):
        self.rule = rule
        self.name = name
        self.place = place
        self.all_sum = all_sum
        self.log = log
        self.unsolved = 0  # steps in which the rule had no answer
        # On a CPU the last step's gradients are kept until this step's take their place: memory
        # that was given back to the system comes page by page, which costs more than the rules.
        self._spent: list[Pieces] = []

    def backward(
        self,
        losses: Sequence[Tensor],
        seeds: Sequence[Tensor],
        scale: float,
        present: Sequence[int],
        values: Tensor | None,
        model: nn.Module,
    ) -> list[nn.Parameter]:
        """Fills `.grad` of the parameters that the losses depend on.

        Args:
            losses: of the tasks that take part.
            seeds: what the gradients of each are multiplied by: its coefficient times `scale`.
            scale: what the rule must not see.
            present: the tasks' indices.
            values: the losses' values over all ranks; None unless the rule needs them.
            model: the network.

        Returns:
            The parameters whose `.grad` is still that of this rank alone.
        """
        shared = trained(model.shared_parameters())
        own = [trained(model.task_parameters(self.rule.tasks[t])) for t in present]
        features = [feature for feature in model.features if feature.requires_grad]
        if not shared or not features:  # a frozen trunk
            torch.autograd.backward(losses, seeds)
            return [*shared, *unique(own)]

        at_features, at_own = heads(losses, seeds, features, own)
        step = _Step(present, values, scale)
        last = trained(model.last_shared_parameters() or ())
        if self.place == "parameters":
            done, weights = shared, self._at_parameters(step, features, at_features, shared)
        elif self.place == "last_layer" and last:
            done, weights = last, self._at_last_layer(step, features, at_features, last, shared)
        else:
            done, weights = [], self._at_features(step, features, at_features)
        _set_own(own, at_own, weights if self.rule.weighs_heads else [1.0] * len(losses))
        done = set(done)
        return [*(p for p in shared if p not in done), *unique(own)]

    def _at_parameters(self, step, features, at_features, shared):
        layout = self._layout(shared)
        rows, used = [], torch.zeros(len(shared))
        while at_features:
            if rows and self._spent:
                self._spent.pop()
            gradients = pull_back(features, at_features.pop(0), shared, retain=bool(at_features))
            used += torch.tensor([gradient is not None for gradient in gradients])
            rows.append([self._sum(piece) for piece in layout.pieces(gradients)])
            del gradients
        update, weights = self._merge(step, rows, gramian)
        self._spent = [] if layout.joined else rows[1:]
        if self.all_sum is not None:
            used = self.all_sum(used.to(shared[0].device))
        used = used.tolist()
        for parameter, gradient, any_use in zip(shared, layout.unpack(update), used, strict=True):
            parameter.grad = gradient if any_use else None
        return weights

    def _at_last_layer(self, step, features, at_features, last, shared):
        layout, rows = self._layout(last), []
        for seeds in at_features:
            pieces = layout.pieces(pull_back(features, seeds, last, retain=True))
            rows.append([self._sum(piece) for piece in pieces])
        update, weights = self._merge(step, rows, gramian)
        for parameter, gradient in zip(last, layout.unpack(update), strict=True):
            parameter.grad = gradient
        features, layout, rows = self._feature_rows(features, at_features)
        seeds = layout.unpack(combine(rows, weighted(weights)))
        done = set(last)
        rest = [parameter for parameter in shared if parameter not in done]
        if rest:
            torch.autograd.backward(features, seeds, inputs=rest)
        return weights

    def _at_features(self, step, features, at_features):
        features, layout, rows = self._feature_rows(features, at_features)
        # The ranks hold different images, so the whole batch's Gramian is the sum of theirs.
        update, weights = self._merge(step, rows, lambda rows: self._sum(gramian(rows)))
        torch.autograd.backward(features, layout.unpack(update))
        return weights

    def _feature_rows(self, features, at_features):
        """The features that any task depends on, and the gradients there."""
        used = [k for k in range(len(features)) if any(row[k] is not None for row in at_features)]
        features = [features[k] for k in used]
        layout = self._layout(features)
        return features, layout, [layout.pieces([row[k] for k in used]) for row in at_features]

    def _layout(self, tensors: Sequence[Tensor]) -> Layout:
        joined = self.rule.joined or self.all_sum is not None or tensors[0].is_cuda
        return Layout(tensors, joined)

    def _sum(self, tensor: Tensor) -> Tensor:
        return tensor if self.all_sum is None else self.all_sum(tensor)

    def _merge(
        self, step: _Step, rows: list[Pieces], products: Callable[[list[Pieces]], Tensor]
    ) -> tuple[Pieces, list[float]]:
        """The update, and the tasks' weights in it (ones where it is no weighted sum)."""
        if not self.rule.elementwise:
            weights = self._weights(step, products(rows))
            overwrite = self.place == "parameters"  # elsewhere they may be what a head got as well
            return combine(rows, weighted(weights, overwrite)), weights

        def unscaled(gradients: Sequence[Tensor]) -> Tensor:
            if step.scale == 1:
                return self.rule.combine(gradients)
            return self.rule.combine([g / step.scale for g in gradients]) * step.scale

        size = len(rows)
        return combine(rows, unscaled), [1.0] * size

    def _weights(self, step: _Step, gram: Tensor) -> list[float]:
        """The rule's weights; equal ones where it has none."""
        # As float32, which tells the rule how exact the gradients are.
        gram = (gram / step.scale**2).float().cpu()
        losses = step.values.cpu() if self.rule.needs_losses else None
        equal = [1 / len(gram)] * len(gram)
        if not gram.isfinite().all():
            return equal  # an overflow: the step is skipped under loss scaling
        try:
            return self.rule.weights(gram, step.present, losses).tolist()
        except Unsolved as reason:
            self.unsolved += 1
            if math.log10(self.unsolved).is_integer():
                self.log(
                    f"{self.name} had no answer ({reason}): equal weights in this step"
                    f" ({self.unsolved} so far)"
                )
            return equal


class _Step(NamedTuple):
    """What a rule may know of a step besides the gradients."""

    present: Sequence[int]
    values: Tensor | None
    scale: float


def trained(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Those that are trained, each once."""
    return list(dict.fromkeys(p for p in parameters if p.requires_grad))


def unique(lists: Iterable[Iterable[nn.Parameter]]) -> list[nn.Parameter]:
    """The parameters of several lists, each once."""
    return list(dict.fromkeys(parameter for some in lists for parameter in some))


def _set_own(
    own: Sequence[Sequence[nn.Parameter]],
    gradients: Sequence[Sequence[Tensor | None]],
    weights: Sequence[float],
) -> None:
    """Adds each task's gradients, times its weight, to `.grad` of its own parameters."""
    for parameters, at_own, weight in zip(own, gradients, weights, strict=True):
        for parameter, gradient in zip(parameters, at_own, strict=True):
            if gradient is None:
                continue
            if parameter.grad is None:
                parameter.grad = gradient * weight
            else:
                parameter.grad.add_(gradient, alpha=weight)
