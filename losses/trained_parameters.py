"""The parameters that are trained, and what is added to their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn


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
