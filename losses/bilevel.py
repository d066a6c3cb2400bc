"""Weights of the losses by what a step with them does to other images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from losses.objective import Objective
from losses.parts import Parts
from losses.trained_parameters import trainable
from losses.weighting.auto_lambda import AutoLambda
from utils.precision import exact_type


class Halves(Parts, Protocol):
    """A batch in parts that can be gone through half by half."""

    def half(self, number: int) -> Iterator[dict[str, Tensor]]:
        """What the parts of the first half (0) or the second (1) add to the losses, each with a
        graph; with the masks of the whole, and without a change of running statistics."""
        ...


class BilevelObjective(Objective):
    """Auto-Lambda: before each step the weights go down the losses that the step would leave on
    images that it does not see (Liu et al., TMLR 2022, Algorithm 1).

    With θ' = θ - η ∇Σ w_t L_t on the first half of the batch, v = ∇Σ L_p at θ' on the second half,
    over the primary tasks p, and ε = 0.01 / ‖v‖, the derivative of Σ L_p(θ') by w_t is

        -η ∇L_t(θ) · v ≈ -η (L_t(θ + ε v) - L_t(θ - ε v)) / 2ε

    with the L_t of the first half. So it takes the gradients of the halves and two forward passes
    of the first, whatever the number of tasks: 2 forward and 1 backward pass of the whole batch.
    Then the network takes its step by the whole batch with the new weights. η is the learning rate
    of the step; the look-ahead is one of plain gradient descent, whatever the optimizer.

    A batch that does not come in parts has no halves; its weights stay as they are. So do those of
    a step in which no primary task has a label in the second half.

    Args:
        plain: the objective whose parts are used; its weighting learns.
    """

    def __init__(self, plain: Objective):
        super().__init__(
            plain.tasks, plain.weighting, plain.mean, None, plain.generator, plain.ranks
        )
        self.weighting: AutoLambda
        self.rate = 0.0

    def begin_step(self, number, rate=0.0):
        super().begin_step(number)
        self.rate = rate

    def backward_in_parts(self, parts, model, group, scale=1.0):
        active = self.active(dict.fromkeys(parts.tasks), group)
        slopes = self._slopes(parts, model, active, float(scale)) if active else None
        if slopes is not None:
            self.weighting.lower(active, slopes)
        return super().backward_in_parts(parts, model, group, scale)

    def _slopes(
        self, parts: Halves, model: nn.Module, active: Sequence[int], scale: float
    ) -> Tensor | None:
        """(n) the derivatives by the weights of the active tasks; None where there are none."""
        tasks = [self.tasks[t] for t in active]
        heads = [p for task in tasks for p in model.task_parameters(task)]
        weights = dict(zip(tasks, self.weighting.weights(active, None), strict=True))
        primary = {task: 1.0 for task in tasks if self.weighting.is_primary(task)}
        place = Point(trainable([*model.shared_parameters(), *heads]))
        try:
            place.move(self._gradient(parts.half(0), weights, place, scale), -self.rate)
            direction = self._gradient(parts.half(1), primary, place, scale)
            length = norm(direction)
            if not (length > 0 and length.isfinite()):
                return None
            epsilon = 0.01 / length.item()
            place.move(direction, epsilon)
            higher = self._values(parts.half(0), tasks)
            place.move(direction, -epsilon)
            lower = self._values(parts.half(0), tasks)
        finally:
            place.restore()
        return (lower - higher) * (self.rate or 1.0) / (2 * epsilon)

    def _gradient(self, losses, weights: dict[str, float], place: Point, scale: float):
        """The gradient of a weighted sum of losses over some parts, of all processes together."""
        total = [torch.zeros_like(p) for p in place.parameters]
        for each in losses:
            value = sum(weight * each[task] for task, weight in weights.items() if task in each)
            if isinstance(value, Tensor) and value.requires_grad:
                add(total, torch.autograd.grad(value * scale, place.parameters, allow_unused=True))
            del each, value
        self.ranks.sum_gradients(total)
        return [gradient.div_(scale) for gradient in total]

    @torch.no_grad()
    def _values(self, losses: Iterator[dict[str, Tensor]], tasks: Sequence[str]) -> Tensor:
        """(n) the sums of the losses over some parts."""
        return sum(torch.stack([each[task].detach() for task in tasks]) for each in losses)


class Point:
    """The parameters of a network, at which its losses are looked at elsewhere.

    Args:
        parameters: each once.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]):
        self.parameters = list(parameters)
        self._start = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def move(self, direction: Sequence[Tensor], length: float) -> None:
        """Puts the parameters at the start plus `length` times a direction."""
        for p, start, d in zip(self.parameters, self._start, direction, strict=True):
            p.copy_(start).add_(d, alpha=length)

    @torch.no_grad()
    def restore(self) -> None:
        """Puts the parameters at the start, to the last bit."""
        for parameter, start in zip(self.parameters, self._start, strict=True):
            parameter.copy_(start)


def norm(gradients: Sequence[Tensor]) -> Tensor:
    """The length of all gradients together, a scalar."""
    return torch.stack([g.norm() for g in gradients]).to(exact_type(gradients[0])).norm()


def add(totals: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Adds gradients to totals in place; None adds nothing."""
    for total, gradient in zip(totals, gradients, strict=True):
        if gradient is not None:
            total.add_(gradient)
