"""The multi-task loss as the trainer sees it: losses in, gradients out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from losses.mean import geometric
from losses.surgery import Surgery, trained, unique
from losses.weighting.base import Weighting


class Objective:
    """A weighting, a mean and, for some, a gradient rule.

    Weighting and mean give the coefficients c_t = ∂F/∂L_t of the tasks' losses; alone they train
    the network by Σ c_t ∇L_t, in one backward pass. A gradient rule makes its own combination of
    the T gradients of the c_t L_t at the shared parameters.

    The trainer's step, for a batch in which some tasks take part:

        for group in objective.groups():
            losses = ...                                # task -> scalar float32 with a graph
            optimizer.zero_grad()
            objective.backward(losses, model, group)    # fills .grad, on every rank alike
            optimizer.step()
        objective.after_step(lambda: losses of the same batch again)

    A task that takes no part in the batch is left out of `losses` and changes nothing for the
    others: its weight stays what it is and is not given to them.

    Over several ranks each passes its part of every loss (the sum over its images, divided by the
    count of the whole batch), and the same tasks; `.grad` is then the sum of the ranks' gradients.

    Args:
        tasks: the names of all tasks, in order.
        weighting, mean: the parts.
        surgery: the gradient rule at its place, if there is one.
        generator: what the parts draw from; its state is part of the objective's.
        all_sum: the sum of a tensor over the ranks; None alone.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        weighting: Weighting,
        mean: Callable[[Tensor, Tensor], Tensor],
        surgery: Surgery | None,
        generator: torch.Generator,
        all_sum: Callable[[Tensor], Tensor] | None = None,
    ):
        self.tasks = tuple(tasks)
        self.weighting = weighting
        self.mean = mean
        self.surgery = surgery
        self.generator = generator
        self.all_sum = all_sum
        self._needs_losses = (
            weighting.needs_losses
            or mean is geometric
            or (surgery is not None and surgery.rule.needs_losses)
        )

    @property
    def needs_accuracy(self) -> bool:
        """Whether `evaluated` changes anything."""
        return self.weighting.needs_accuracy

    @property
    def needs_potential(self) -> bool:
        """Whether the single-task networks' accuracies are needed to build it."""
        return self.weighting.needs_potential

    @property
    def weights(self) -> dict[str, float]:
        """The tasks' current weights w_t."""
        return dict(zip(self.tasks, self.weighting.current(), strict=True))

    def groups(self) -> list[tuple[str, ...]]:
        """The tasks to differentiate together, in the order of their steps on one batch."""
        return [self.tasks]

    def backward(
        self,
        losses: dict[str, Tensor],
        model: nn.Module,
        group: Sequence[str],
        scale: float | Tensor = 1.0,
    ) -> None:
        """Fills `.grad` of the model's parameters, which must be empty.

        Args:
            losses: task -> scalar float32 with a graph, of the tasks that take part.
            model: offers `shared_parameters()`, `last_shared_parameters()`, `task_parameters(task)`
                and `features`, the shared feature maps of its last forward pass.
            group: the tasks to differentiate, one of `groups()`.
            scale: what `.grad` is multiplied by (loss scaling).
        """
        present = [t for t, task in enumerate(self.tasks) if task in group and task in losses]
        if not present:
            return
        parts = [losses[self.tasks[t]] for t in present]
        values = self._values(parts)
        seeds = list((self._coefficients(present, parts[0].device, values) * scale).unbind())
        if self.surgery is not None:
            local = self.surgery.backward(parts, seeds, float(scale), present, values, model)
        else:
            torch.autograd.backward(parts, seeds)
            own = [model.task_parameters(self.tasks[t]) for t in present]
            local = trained(unique([model.shared_parameters(), *own])) if self.all_sum else []
        if self.all_sum is not None:
            self._sum_gradients(local)

    def after_step(self, losses: Callable[[], dict[str, Tensor]]) -> None:
        """To be called once the optimizer has stepped; `losses` gives those of the same batch."""

    def end_epoch(self) -> None:
        """To be called at the end of every epoch."""
        self.weighting.end_epoch()

    def evaluated(self, accuracy: dict[str, float]) -> None:
        """To be called after every evaluation on the validation set, with the tasks' accuracies in
        [0, 1]; NaN where there was nothing to measure."""
        self.weighting.evaluated(accuracy)

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on to the last digit: plain values and tensors."""
        return {
            "weighting": self.weighting.state_dict(),
            "gradient": self.surgery.rule.state_dict() if self.surgery else {},
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weighting.load_state_dict(state["weighting"])
        if self.surgery:
            self.surgery.rule.load_state_dict(state["gradient"])
        self.generator.set_state(state["generator"])

    def _values(self, parts: Sequence[Tensor]) -> Tensor | None:
        """The losses over all ranks, (len(parts)) float32, where a part looks at them."""
        if not self._needs_losses:
            return None
        values = torch.stack([part.detach() for part in parts]).float()
        return self.all_sum(values) if self.all_sum else values

    def _coefficients(
        self, present: Sequence[int], device: torch.device, values: Tensor | None
    ) -> Tensor:
        """c_t of the tasks that take part, (len(present)) float32 on the losses' device."""
        weights = self.weighting.weights(present, values)
        if not isinstance(weights, Tensor):
            # Not blocking: fixed weights must not make a GPU wait for the CPU.
            weights = torch.tensor(weights).to(device, non_blocking=True)
        return self.mean(values, weights)

    def _sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sums `.grad` over the ranks, in one piece. A parameter that no rank has used keeps None,
        as it would alone; one that some rank has used gets the sum on every rank."""
        if not parameters:
            return
        used = torch.tensor([float(p.grad is not None) for p in parameters]).to(
            parameters[0].device
        )
        flat = [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters]
        total = self.all_sum(torch.cat([*flat, used]))
        *gradients, used = total.split([*(p.numel() for p in parameters), len(parameters)])
        for parameter, gradient, any_use in zip(parameters, gradients, used.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter) if any_use else None
