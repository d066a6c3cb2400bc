"""The multi-task loss as the trainer sees it: losses in, gradients out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from losses.backward import Layout, gramian, heads, pull_back
from losses.diagnose import statistics
from losses.mean import geometric
from losses.selective import Selective
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
        selective: what splits the tasks into groups with a step each; None for one step of all.
        all_sum: the sum of a tensor over the ranks; None alone.
        distance_weight: of the distance to the teachers' features, which the caller adds to the
            losses with :class:`losses.distillation.Distillation`; None for a loss without teachers.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        weighting: Weighting,
        mean: Callable[[Tensor, Tensor], Tensor],
        surgery: Surgery | None,
        generator: torch.Generator,
        selective: Selective | None = None,
        all_sum: Callable[[Tensor], Tensor] | None = None,
        distance_weight: float | None = None,
    ):
        self.tasks = tuple(tasks)
        self.weighting = weighting
        self.mean = mean
        self.surgery = surgery
        self.generator = generator
        self.selective = selective
        self.all_sum = all_sum
        self.distance_weight = distance_weight
        self._present: list[int] = []
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
    def needs_teachers(self) -> bool:
        """Whether the losses must hold what the single-task networks teach."""
        return self.distance_weight is not None

    @property
    def weights(self) -> dict[str, float]:
        """The tasks' current weights w_t, times those that a rule learns for the losses."""
        weights = self.weighting.current()
        if self.surgery is not None and self.surgery.rule.weighs_heads:
            learned = self.surgery.rule.current.tolist()
            weights = [w * more for w, more in zip(weights, learned, strict=True)]
        return dict(zip(self.tasks, weights, strict=True))

    @property
    def affinity(self) -> Tensor | None:
        """(T, T) float64, how much a step of the task of a row lowers the loss of the task of a
        column; None unless the objective splits the tasks into groups."""
        return torch.from_numpy(self.selective.affinity.copy()) if self.selective else None

    @property
    def grouping(self) -> list[tuple[str, ...]]:
        """The groups of tasks that are updated together at present."""
        groups = self.selective.groups if self.selective else [range(len(self.tasks))]
        return [tuple(self.tasks[t] for t in group) for group in groups]

    def groups(self) -> list[tuple[str, ...]]:
        """The tasks to differentiate together, in the order of their steps on the next batch."""
        if self.selective is None:
            return [self.tasks]
        return [tuple(self.tasks[t] for t in group) for group in self.selective.order()]

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
                and `features`, the shared feature maps of its last forward pass, of which none is
                computed from another.
            group: the tasks to differentiate, one of `groups()`.
            scale: what `.grad` is multiplied by (loss scaling).
        """
        present = [t for t, task in enumerate(self.tasks) if task in group and task in losses]
        if self.selective is not None:
            self.selective.observe(self._numbers(losses), present)
        self._present = present
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
        if self.selective is not None:
            with torch.no_grad():
                self.selective.observe(self._numbers(losses()), [])
        elif self.weighting.needs_losses_after and self._present:
            with torch.no_grad():
                after = losses()
            values = self._stacked([after[self.tasks[t]] for t in self._present])
            self.weighting.after_step(self._present, values)

    def end_epoch(self) -> None:
        """To be called at the end of every epoch."""
        self.weighting.end_epoch()

    def evaluated(self, accuracy: dict[str, float]) -> None:
        """To be called after every evaluation on the validation set, with the tasks' accuracies in
        [0, 1]; NaN where there was nothing to measure."""
        self.weighting.evaluated(accuracy)

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on to the last digit: plain values and tensors."""
        state = {
            "weighting": self.weighting.state_dict(),
            "gradient": self.surgery.rule.state_dict() if self.surgery else {},
            "selective": self.selective.state_dict() if self.selective else {},
            "generator": self.generator.get_state(),
        }
        return copy.deepcopy(state)  # the parts change theirs in place

    def load_state_dict(self, state: dict[str, Any]) -> None:
        state = _on_cpu(copy.deepcopy(state))  # wherever a checkpoint was loaded to
        self.weighting.load_state_dict(state["weighting"])
        if self.surgery:
            self.surgery.rule.load_state_dict(state["gradient"])
        if self.selective:
            self.selective.load_state_dict(state["selective"])
        self.generator.set_state(state["generator"])

    def diagnose(
        self, losses: dict[str, Tensor], model: nn.Module, scale: float | Tensor = 1.0
    ) -> dict[str, float]:
        """Figures of the gradients of the losses, not weighted, at all shared parameters, by name:
        see :func:`losses.diagnose.statistics`. It costs T backward passes, and leaves the graph.
        The arguments are those of `backward`."""
        names = [task for task in self.tasks if task in losses]
        parts = [losses[task] for task in names]
        shared = trained(model.shared_parameters())
        features = [feature for feature in model.features if feature.requires_grad]
        if not (parts and shared and features):
            return {}
        seeds = [torch.ones_like(part) * scale for part in parts]
        at_features, _ = heads(parts, seeds, features, [[] for _ in parts], retain=True)
        layout, rows = Layout(shared, joined=self.all_sum is not None), []
        for at in at_features:
            pieces = layout.pieces(pull_back(features, at, shared, retain=True))
            rows.append([self.all_sum(piece) if self.all_sum else piece for piece in pieces])
        return statistics(gramian(rows) / float(scale) ** 2, names)

    def _values(self, parts: Sequence[Tensor]) -> Tensor | None:
        """The losses over all ranks, (len(parts)) float32, where a part looks at them."""
        return self._stacked(parts) if self._needs_losses else None

    def _stacked(self, parts: Sequence[Tensor]) -> Tensor:
        values = torch.stack([part.detach() for part in parts]).float()
        return self.all_sum(values) if self.all_sum else values

    def _numbers(self, losses: dict[str, Tensor]) -> dict[int, float]:
        """The losses over all ranks, by the tasks' indices."""
        present = [t for t, task in enumerate(self.tasks) if task in losses]
        if not present:
            return {}
        values = self._stacked([losses[self.tasks[t]] for t in present]).tolist()
        return dict(zip(present, values, strict=True))

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


def _on_cpu(state: Any) -> Any:
    """A state with all its tensors on the CPU; the parts move theirs to where the losses are."""
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_on_cpu(value) for value in state]
    return state.cpu() if isinstance(state, Tensor) else state
