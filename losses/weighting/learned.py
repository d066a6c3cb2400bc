"""What the weightings that learn a number a task have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from losses.weighting.base import Weighting


class LearnedWeighting(Weighting):
    """Numbers s_t, one a task, float64, that start at 0 and have an Adam of their own.

    A task that takes no part in a step keeps its number, and Adam's memory of it, as they are. So
    does one whose gradient is not finite (an overflow under loss scaling).
    """

    needs_losses = True
    decay = 0.0

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self._place(torch.device("cpu"))

    @abstractmethod
    def all_weights(self, numbers: Tensor) -> Tensor:
        """(T) weights from (T) numbers, for logs."""

    def numbers(self, active: Sequence[int], losses: Tensor) -> Tensor:
        """The numbers of some tasks, on the device of the losses and in their type."""
        if self._numbers[0].device != losses.device:
            self._place(losses.device, self.state_dict())
        return torch.stack([self._numbers[t].detach() for t in active]).to(losses.dtype)

    def learn(self, active: Sequence[int], gradients: Tensor) -> None:
        """One step of Adam on the numbers of these tasks."""
        gradients = torch.where(gradients.isfinite(), gradients, 0.0).double()
        for t, gradient in zip(active, gradients.unbind(), strict=True):
            self._numbers[t].grad = gradient
        self._adam.step()
        self._adam.zero_grad()

    def current(self):
        return self.all_weights(torch.stack(self._numbers).detach()).tolist()

    def state_dict(self):
        return {"numbers": [n.item() for n in self._numbers], "adam": self._adam.state_dict()}

    def load_state_dict(self, state):
        self._place(self._numbers[0].device, state)

    def _place(self, device, state=None):
        values = state["numbers"] if state else [0.0] * len(self.tasks)
        numbers = torch.tensor(values, dtype=torch.float64, device=device)
        self._numbers = [number.clone().requires_grad_() for number in numbers]
        self._adam = torch.optim.Adam(self._numbers, self.weight_lr, weight_decay=self.decay)
        if state:
            self._adam.load_state_dict(state["adam"])
