"""The plan of an experiment: which networks it trains, which are there, and about how long."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.runs.baselines import SingleTask, find_finished
from engine.runs.cost import network_cost
from engine.runs.data import Data
from engine.runs.device import choose_device
from engine.runs.folder import RunFolder
from engine.runs.network import make_network
from engine.training.precision import Precision
from engine.training.progress import duration
from utils.text import aligned

if TYPE_CHECKING:
    from engine.config import Config

_BACKWARD = 2  # times the multiply-adds of a forward pass
_PASSES = 2  # timed, of which the faster one counts: the first one prepares the device
_IMAGES = 8  # of a timed pass, at most


@dataclass(frozen=True)
class PlannedNetwork:
    """A network of the plan.

    Attributes:
        name: as people read it, such as 'baseline depth'.
        folder: where it is trained.
        finished: the folder of the run that has trained it; None where that is to be done.
        image_work: the multiply-adds of training on one image, in units of 10⁹.
        work: those of its whole training, evaluations included.
    """

    name: str
    folder: Path
    finished: Path | None
    image_work: float
    work: float

    @classmethod
    def of(
        cls, name: str, config: Config, data: Data, folder: RunFolder, finished: RunFolder | None
    ) -> PlannedNetwork:
        gmacs = network_cost(config, data.tasks).gmacs
        images, evaluations = _amount(config, data)
        image_work = (1 + _BACKWARD) * gmacs
        return cls(
            name,
            folder.path,
            finished.path if finished else None,
            image_work,
            image_work * images + gmacs * evaluations * len(data.val),
        )


class Plan:
    """The networks of an experiment in the order of their training, the multi-task one last.

    Args:
        seconds: how long the device takes for 10⁹ multiply-adds of a training.
    """

    def __init__(self, networks: Sequence[PlannedNetwork], seconds: float):
        self.networks, self.seconds = list(networks), seconds

    def title(self, folder: RunFolder) -> str:
        """'[2/4] baseline depth' of the network that is trained in a folder."""
        index = self._index(folder)
        return f"[{index + 1}/{len(self.networks)}] {self.networks[index].name}"

    def later_images(self, folder: RunFolder) -> float:
        """How many images of the network in a folder cost as much as all networks after it."""
        index = self._index(folder)
        later = sum(network.work for network in self.networks[index + 1 :] if not network.finished)
        return later / self.networks[index].image_work

    def lines(self) -> list[str]:
        """A line for each network, and the time of all."""
        rows = [
            ["", f"{number}", network.name, self._state(network)]
            for number, network in enumerate(self.networks, start=1)
        ]
        left = [network for network in self.networks if not network.finished]
        whole = duration(self.seconds * sum(network.work for network in left))
        return [
            f"plan: {len(left)} of {len(self.networks)} networks are trained, in about {whole} "
            "if reading images keeps up and the loss takes one backward pass",
            *aligned(rows),
        ]

    def _state(self, network: PlannedNetwork) -> str:
        if network.finished:
            return f"there: {network.finished}"
        begun = "begun, " if RunFolder(network.folder).has_state else ""
        return f"{begun}about {duration(self.seconds * network.work)}"

    def _index(self, folder: RunFolder) -> int:
        return [network.folder for network in self.networks].index(folder.path)


def plan_experiment(
    config: Config, data: Data, folder: RunFolder, singles: Iterable[SingleTask]
) -> Plan:
    """The plan of a cfg with these baselines; times the device."""
    networks = [
        PlannedNetwork.of(
            f"baseline {single.data.tasks[0].name}",
            single.config,
            single.data,
            single.folder,
            find_finished(single),
        )
        for single in singles
    ]
    name = config.run.loss.name if len(data.tasks) > 1 else data.tasks[0].name
    networks.append(PlannedNetwork.of(name, config, data, folder, None))
    return Plan(networks, _seconds_per_image(config, data) / networks[-1].image_work)


def _amount(config: Config, data: Data) -> tuple[int, int]:
    """How many images a training takes, and how many evaluations."""
    training = config.training
    if steps := training.max_iterations:
        images = steps * min(config.loading.batch_size, len(data.train))
        return images, -(-steps // training.test_iterations)
    images = training.max_epoch * config.data.sampling.build().images(data.train.sizes)
    return images, training.max_epoch // training.test_freq


def _seconds_per_image(config: Config, data: Data) -> float:
    """How long the device takes for an image of a training step of the cfg's network."""
    precision = Precision(choose_device(config), config.training.amp)
    with torch.random.fork_rng():
        heads = {task.name: task.head for task in data.tasks}
        network = make_network(config, heads, pretrained=False).to(precision.device).eval()
    count = min(config.loading.batch_size, _IMAGES)
    images = torch.rand(count, 3, *config.data.size, device=precision.device)
    return min(_timed_pass(network, images, precision) for _ in range(_PASSES)) / count


def _timed_pass(network, images: Tensor, precision: Precision) -> float:
    """The seconds of a forward and a backward pass."""
    began = time.perf_counter()
    with precision.autocast():
        outputs = network(images)
    total = sum(_sum(output) for output in outputs.values())
    total.backward()
    # What has been asked of a GPU is done only when a number of it is read.
    next(p.grad for p in network.parameters() if p.grad is not None).sum().item()
    network.zero_grad()
    return time.perf_counter() - began


def _sum(output: Tensor | tuple) -> Tensor:
    tensors = [output] if isinstance(output, Tensor) else output
    return sum(t.float().sum() for t in tensors if isinstance(t, Tensor) and t.requires_grad)
