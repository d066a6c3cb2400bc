"""A multi-task network in float64 whose batches are spread over processes, for every loss."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import torch
from torch import nn

import losses
from losses.distillation import Distillation
from losses.presets import LOSSES, DistilledLoss

TASKS = ("a", "b", "c")
BATCH = 5
STEPS = 3
RATE = 0.05
WHOLE = (range(BATCH),)

# Which images a label of each task is there for, in each step. With two and three processes there
# is a share without a label of a task in every step, and a task that is not active in the last.
LABELLED = (
    {"a": [0, 1, 2, 3, 4], "b": [0, 1], "c": [4]},
    {"a": [3], "b": [0, 1, 2, 3, 4], "c": [1, 2]},
    {"a": [0, 4], "b": [2]},
)
# The images of each process: uneven shares, and an empty one.
SHARES = {2: (range(3), range(3, BATCH)), 3: (range(4), range(4, 4), range(4, BATCH))}


class Share(NamedTuple):
    """The images of a process."""

    images: range
    batch_size: int


class Case(NamedTuple):
    """A loss with options, on a network that ends in one map or in several."""

    name: str
    options: dict
    maps: int = 1


class Levels(nn.Module):
    """Convolutions whose maps the tasks share, one map or two; and a head a task, which reads all
    of them."""

    def __init__(self, maps: int, images: range):
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 5, 1))
        self.coarse = nn.Conv2d(5, 3, 3, stride=2, padding=1) if maps == 2 else None
        channels = 8 if maps == 2 else 5
        self.heads = nn.ModuleDict({task: nn.Conv2d(channels, 2, 1) for task in TASKS})
        self.unused = nn.Linear(2, 2)
        self.features = ()
        self.place = Share(images, BATCH)

    def forward(self, images):
        maps = [self.trunk(images).tanh()]
        if self.coarse:
            maps.append(self.coarse(maps[0]).tanh())
        self.features = tuple(level.view_as(level) for level in maps)
        read = [nn.functional.adaptive_avg_pool2d(level, 4) for level in self.features]
        return {task: head(torch.cat(read, dim=1)) for task, head in self.heads.items()}

    def shared_parameters(self):
        coarse = self.coarse.parameters() if self.coarse else ()
        return [*self.trunk.parameters(), *coarse, *self.unused.parameters()]

    def last_shared_parameters(self):
        return [] if self.coarse else list(self.trunk[2].parameters())

    def task_parameters(self, task):
        return list(self.heads[task].parameters())


class Student(nn.Module):
    """A network whose teachers' projections are parameters of the tasks."""

    def __init__(self, network: Levels, distillation: Distillation):
        super().__init__()
        self.network, self.distillation = network, distillation
        self.place = network.place
        self.shared_parameters = network.shared_parameters
        self.last_shared_parameters = network.last_shared_parameters

    @property
    def features(self):
        return self.network.features

    def forward(self, images):
        return self.network(images)

    def task_parameters(self, task):
        return [*self.network.task_parameters(task), *self.distillation.task_parameters(task)]


class Training:
    """The training of a case on the images of one process.

    Args:
        case: the loss and the network.
        ranks: the processes.
        images: this process's images.
    """

    def __init__(self, case: Case, ranks, images: range):
        self.case, self.ranks, self.images = case, ranks, images
        potential = dict.fromkeys(TASKS, 0.6)
        self.lines: list[str] = []
        self.statistics: dict[str, float] = {}
        self.objective = losses.build(
            case.name, TASKS, potential, case.options, log=self.lines.append, ranks=ranks
        )
        self.model = Levels(case.maps, images)
        loss = LOSSES.choose_nested(case.name, case.options).build()
        self.distilled = isinstance(loss, DistilledLoss)
        if self.distilled:
            channels = {task: [3] * case.maps for task in TASKS}
            weights = loss.distance_weight, loss.pseudo_label_weight
            distillation = Distillation(TASKS, [5, 3][: case.maps], channels, *weights, ranks)
            self.model = Student(self.model, distillation)
        self.model.double()

    def run(self) -> None:
        optimizer = torch.optim.SGD(self.model.parameters(), RATE, momentum=0.9, weight_decay=0.1)
        for step, labelled in enumerate(LABELLED):
            self.objective.begin_step(step)
            for group in self.objective.groups():
                values = self.losses(step, labelled)
                if not set(group) & set(values):
                    continue
                self.statistics |= self.objective.gradient_statistics(values, self.model)
                optimizer.zero_grad(set_to_none=True)
                self.objective.backward(values, self.model, group)
                optimizer.step()
            self.objective.after_step(lambda s=step, names=labelled: self.losses(s, names))
            self.objective.evaluated({task: 0.1 * (t + 1) for t, task in enumerate(TASKS)})
            self.objective.end_epoch()

    def losses(
        self, step: int, labelled: dict[str, list[int]], scale_of_last: float = 1.0
    ) -> dict[str, torch.Tensor]:
        """The losses of the whole batch, with the gradients of this process's images."""
        images, targets, taught = self.batch(step)
        predictions, own = self.model(images), slice(self.images.start, self.images.stop)
        scales = torch.ones(BATCH, 1, 1, 1)
        scales[-1] = scale_of_last
        values = {
            task: self.mean(
                scales[own] * (predictions[task] - targets[task][own]),
                self.flags(labelled[task])[own],
            )
            for task in labelled
        }
        if not self.distilled:
            return values
        every = self.flags(range(BATCH))[own]
        pseudo = {t: self.mean(predictions[t] - taught[t][own], every) for t in TASKS}
        maps = [taught["maps"][k][own] for k in range(self.case.maps)]
        return self.model.distillation(
            values, self.model.features, dict.fromkeys(TASKS, maps), pseudo
        )

    def mean(self, error: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
        total = (error.square() * labelled.view(-1, 1, 1, 1)).sum()
        count = labelled.sum() * error.shape[1:].numel()
        if self.ranks.size == 1:
            return total / count.clamp(min=1)
        return self.ranks.sum(total) / self.ranks.sum(count).clamp(min=1)

    def batch(self, step: int):
        """The images of this process, and the whole batch's targets and teachers' outputs."""
        draw = torch.Generator().manual_seed(step)

        def random(*shape):
            return torch.randn(BATCH, *shape, generator=draw, dtype=torch.float64)

        images = random(3, 4, 4)[self.images.start : self.images.stop]
        images = images.to(next(self.model.parameters()).dtype)
        targets = {task: random(2, 4, 4) * 3**k for k, task in enumerate(TASKS)}
        taught = {task: random(2, 4, 4) for task in TASKS}
        taught["maps"] = [random(3, 4, 4), random(3, 2, 2)]
        return images, targets, taught

    def flags(self, images) -> torch.Tensor:
        flags = torch.zeros(BATCH, dtype=torch.float64)
        flags[list(images)] = 1
        return flags

    def state(self) -> dict[str, torch.Tensor]:
        """The weights, the numbers of the objective and the gradients' statistics, by name."""
        state = {name: value.clone() for name, value in self.model.state_dict().items()}
        state |= numbers_of(self.objective.state_dict(), "objective")
        return state | dict(numbers_of(self.statistics, "statistics"))


def numbers_of(state, name):
    """The tensors and numbers in nested containers, each with a name."""
    if isinstance(state, torch.Tensor):
        yield name, state.double()
    elif isinstance(state, (int, float)):
        yield name, torch.tensor(state, dtype=torch.float64)
    elif isinstance(state, dict):
        for key, value in state.items():
            yield from numbers_of(value, f"{name}.{key}")
    elif isinstance(state, (list, tuple)):
        for key, value in enumerate(state):
            yield from numbers_of(value, f"{name}.{key}")


def digest(state) -> str:
    """What is the same for states of the same bits alone."""
    total = hashlib.sha256()
    for name, value in sorted(state.items()):
        total.update(name.encode() + value.contiguous().numpy().tobytes())
    return total.hexdigest()
