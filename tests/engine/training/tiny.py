"""The smallest network, tasks and batches that a training step can have."""

import copy
import threading

import torch
from torch import nn

from datasets.batch import Batch
from engine.training.precision import Precision
from engine.training.step import Step
from engine.training.task_losses import TaskLosses
from models import Network
from models.backbones import Backbone
from tasks import TASKS
from tests.running import CPU
from utils.ranks import Ranks

_DRAWING = threading.Lock()  # threads share torch's generator
SIZE = (4, 6)
CLASSES = ("floor", "wall", "bed")


class Trunk(Backbone):
    """Two features a pixel."""

    name = "trunk"
    channels = (2,)
    strides = (1,)

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 1)

    def forward(self, images):
        return [self.layer(images)]


class Neck(nn.Module):
    """Nothing between trunk and heads."""

    def forward(self, maps):
        return maps


class Head(nn.Module):
    """A linear function of the features of a pixel."""

    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Conv2d(2, channels, 1)

    def start(self):
        """Predicts whatever its weights give at first."""

    def forward(self, maps, size):
        return self.layer(maps[0])


def make_tasks(*names):
    """The tasks of these types; all dense ones without names."""
    names = names or ("segmentation", "depth", "normal")
    return [TASKS[name](CLASSES if TASKS[name].has_classes else ()) for name in names]


def make_network(tasks, seed=0):
    with _DRAWING:
        torch.manual_seed(seed)
        trunk = Trunk()
        heads = {task.name: Head(task.head.channels) for task in tasks}
        return Network(trunk, Neck(), heads, list(trunk.parameters()))


def make_batch(tasks, labelled=None, images=4, seed=0):
    """A batch of random images and targets.

    Args:
        labelled: by task name, whether each image is labelled; all of them where a task is not
            named.
    """
    draw = torch.Generator().manual_seed(seed)
    normals = torch.randn(images, 3, *SIZE, generator=draw)
    targets = {
        "segmentation": torch.randint(0, 3, (images, *SIZE), generator=draw, dtype=torch.uint8),
        "depth": 1 + 5 * torch.rand(images, *SIZE, generator=draw),
        "normal": normals / normals.norm(dim=1, keepdim=True),
    }
    every = torch.ones(images, dtype=torch.bool)
    pictures = torch.randint(0, 256, (images, *SIZE, 3), generator=draw, dtype=torch.uint8)
    for name in ("edge", "saliency"):  # another share of yes in every image, and some void
        chance = torch.rand(images, *SIZE, generator=draw)
        shares = torch.rand(images, 1, 1, generator=draw)
        targets[name] = (chance < shares).to(torch.uint8).masked_fill(chance > 0.9, 255)
    return Batch(
        images=pictures,
        shown=torch.tensor([[0, 0, *SIZE[::-1]]]).repeat(images, 1),
        colours=None,
        sharpness=None,
        targets={task.name: targets[task.name] for task in tasks},
        labelled={
            t.name: torch.tensor((labelled or {}).get(t.name, every.tolist())) for t in tasks
        },
    )


def make_losses(network, tasks, ranks=None):
    return TaskLosses(network, tasks, Precision(CPU, False), ranks or Ranks(), 0)


def make_step(network, tasks, objective, optimizer=None, **options):
    """A step with plain gradient descent at a rate of 0.1."""
    optimizer = optimizer or torch.optim.SGD(network.parameters(), lr=0.1)
    losses = make_losses(network, tasks)
    return Step(losses, objective, optimizer, losses.precision, **options)


def weights_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_same(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], equal_nan=True, **tolerance)


def part_of(batch, images):
    """Some images of a batch."""
    return Batch(
        batch.images[images],
        batch.shown[images],
        None,
        None,
        {name: target[images] for name, target in batch.targets.items()},
        {name: labelled[images] for name, labelled in batch.labelled.items()},
        {name: class_map[images] for name, class_map in batch.class_maps.items()},
        {name: known[images] for name, known in batch.pseudo_labelled.items()},
    )


class ThreadRanks(Ranks):
    """A process of several, each of which is a thread."""

    def __init__(self, rank, slots, barrier):
        self.rank, self.size, self.slots, self.barrier = rank, len(slots), slots, barrier

    def gather(self, value):
        return [copy.deepcopy(each) for each in self._all(value)]

    def together(self, make):
        return self.gather(make())

    def sum_numbers(self, numbers):
        return [sum(values) for values in zip(*self._all(numbers), strict=True)]

    def sum(self, tensor):
        values = enumerate(self._all(tensor))
        return sum(value if rank == self.rank else value.detach() for rank, value in values)

    def _all(self, value):
        self.slots[self.rank] = value
        self.barrier.wait()
        values = list(self.slots)
        self.barrier.wait()
        return values


def on_ranks(work, size=2):
    """The results of `work(ranks)` on several ranks at once."""
    results, slots, barrier = [None] * size, [None] * size, threading.Barrier(size, timeout=60)

    def run(rank):
        results[rank] = work(ThreadRanks(rank, slots, barrier))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
