"""A tiny multi-task network with what a loss asks of a network, and losses on it."""

import pytest
import torch
from torch import nn


class Net(nn.Module):
    """Two layers shared by linear heads; `features` holds the shared output of the last forward."""

    def __init__(self, tasks, width=5):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, width))
        self.names = list(tasks)
        self.heads = nn.ModuleList(nn.Linear(width, 2) for _ in self.names)
        self.features = ()
        self.place = None

    def forward(self, x):
        feature = self.trunk(x)
        self.features = (feature,)
        return {task: head(feature) for task, head in zip(self.names, self.heads, strict=True)}

    def shared_parameters(self):
        return list(self.trunk.parameters())

    def last_shared_parameters(self):
        return list(self.trunk[2].parameters())

    def task_parameters(self, task):
        return list(self.heads[self.names.index(task)].parameters())


class Problem:
    """A network, a batch and the tasks' losses on it, the same for the same seed."""

    def __init__(self, tasks, seed=0, scales=None):
        torch.manual_seed(seed)
        self.tasks = tuple(tasks)
        self.model = Net(tasks)
        self.images = torch.randn(7, 4)
        self.targets = {task: torch.randn(7, 2) for task in tasks}
        self.scales = scales or dict.fromkeys(tasks, 1.0)

    def losses(self, tasks=None):
        predictions = self.model(self.images)
        return {
            task: self.scales[task] * (predictions[task] - self.targets[task]).square().mean()
            for task in tasks or self.tasks
        }

    def gradients(self):
        """name -> .grad, a copy; None where there is none."""
        return {
            name: None if p.grad is None else p.grad.clone()
            for name, p in self.model.named_parameters()
        }

    def step(self, objective, tasks=None, scale=1.0):
        """The gradients that an objective gives for one batch with these tasks."""
        for group in objective.groups():
            self.model.zero_grad(set_to_none=True)
            objective.backward(self.losses(tasks), self.model, group, scale)
        return self.gradients()

    def expected(self, loss):
        """The gradients of a scalar function of the losses."""
        self.model.zero_grad(set_to_none=True)
        loss(self.losses()).backward()
        return self.gradients()


@pytest.fixture
def problem():
    return Problem
