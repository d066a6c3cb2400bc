"""Notices a loss that is not a number without waiting for the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

_NEVER = torch.iinfo(torch.int64).max


class Divergence:
    """The first step in which the loss of each task was not a number, kept on the device.

    From that step on no update is made.

    Args:
        tasks: the names of the tasks.
        device: of the losses.
    """

    def __init__(self, tasks: Sequence[str], device: torch.device):
        self.tasks = list(tasks)
        self._first = torch.full((len(self.tasks),), _NEVER, device=device)
        self._inactive = torch.zeros((), device=device)

    def observe(self, losses: Mapping[str, Tensor], step: int) -> None:
        """Takes the losses of the active tasks in a step."""
        values = [losses.get(task, self._inactive).detach() for task in self.tasks]
        bad = ~torch.stack(values).isfinite() & (self._first == _NEVER)
        self._first.masked_fill_(bad, step)

    def suppress_update(self, parameters: Iterable[nn.Parameter]) -> bool:
        """Prevents an update after a loss that was not a number.

        Returns:
            Whether the update is to be left out. This is known on a CPU alone: a GPU is not waited
            for, and clears the gradients in its turn, so that the weights stay finite.
        """
        diverged = (self._first != _NEVER).any()
        if diverged.device.type == "cpu":
            return bool(diverged)
        clear_gradients(parameters, diverged)
        return False

    def reason(self, network: nn.Module) -> str | None:
        """Says why a training cannot go on; None where it can. Waits for the device."""
        steps = self._first.tolist()
        if (step := min(steps)) != _NEVER:
            return f"the loss of {self.tasks[steps.index(step)]} was not a number in step {step}"
        finite = [parameter.isfinite().all() for parameter in network.parameters()]
        return None if torch.stack(finite).all() else "the weights are no longer numbers"


def clear_gradients(parameters: Iterable[nn.Parameter], where: Tensor) -> None:
    """Makes gradients zero where a bool scalar on their device is true, NaN and infinity too."""
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.masked_fill_(where, 0.0)
