"""The single-task networks as teachers of the multi-task network (kd-mtl, kd-amtl)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine import checkpoint
from engine.network import make_network
from engine.precision import Precision
from engine.run_folder import RunFolder
from losses.distillation import Distillation
from models import Network
from tasks import Task
from utils.config import Config


@dataclass(frozen=True)
class SingleTask:
    """A task's single-task network: its cfg, and the folder of its run."""

    config: Config
    folder: RunFolder


@dataclass(frozen=True)
class Lessons:
    """What the teachers say of a batch, by task: their shared maps, and their predictions as the
    targets of all images."""

    features: dict[str, list[Tensor]]
    targets: dict[str, Any]


class Teachers:
    """The frozen single-task networks, and the projections of the multi-task network's features to
    theirs, which are trained with it.

    Args:
        config: of the multi-task network.
        network: the multi-task network.
        tasks: all of them, in order.
        singles: their single-task networks, by task name, which :func:`check_teachable` has let
            pass; all have been trained.
        distance_weight: of the distance between the features.
        device: where the teachers are to be, and their images will be.

    Raises:
        DataError: a checkpoint is missing or does not fit its cfg.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        tasks: Sequence[Task],
        singles: Mapping[str, SingleTask],
        distance_weight: float,
        device: torch.device,
    ):
        self.tasks = list(tasks)
        self.precision = Precision(device, config.amp)
        self.networks = {
            task.name: _frozen(_at_size(single.config, config), task, single.folder, device)
            for task in tasks
            for single in [singles[task.name]]
        }
        image = torch.zeros(1, 3, *config.size)
        maps = _shapes(network, image)
        self.sizes = [shape[1:] for shape in maps]
        self.distillation = Distillation(
            list(self.networks),
            [shape[0] for shape in maps],
            {name: [shape[0] for shape in _shapes(n, image)] for name, n in self.networks.items()},
            distance_weight,
        ).to(device)
        self.student = Student(network, self.distillation)

    @torch.no_grad()
    def lessons(self, images: Tensor) -> Lessons:
        """What the teachers say of (B, 3, H, W) normalised images: one forward pass of each."""
        features, targets = {}, {}
        for task in self.tasks:
            network = self.networks[task.name]
            with self.precision.autocast():
                prediction = network(images)[task.name]
            features[task.name] = [
                _resized(one, size) for one, size in zip(network.features, self.sizes, strict=True)
            ]
            found = task.collate(task.pseudo_targets(prediction))
            targets[task.name] = _moved(found, images.device)
        return Lessons(features, targets)

    def teach(
        self,
        losses: Mapping[str, Tensor],
        predictions: Mapping[str, Any],
        features: Sequence[Tensor],
        lessons: Lessons,
    ) -> dict[str, Tensor]:
        """The losses to train on, of all tasks.

        Args:
            losses: on the labels, of the tasks that have any in the batch.
            predictions, features: the multi-task network's for the same images.
            lessons: what the teachers say of these.
        """
        every = torch.ones(len(features[0]), dtype=torch.bool)
        pseudo = {}
        for task in self.tasks:
            total, count = task.criterion(predictions[task.name], lessons.targets[task.name], every)
            pseudo[task.name] = total / count.clamp(min=1)
        with self.precision.autocast():
            return self.distillation(losses, features, lessons.features, pseudo)


class Student:
    """The multi-task network as an objective sees it: each task's projections are its own."""

    def __init__(self, network: Network, distillation: Distillation):
        self.network = network
        self.distillation = distillation

    @property
    def features(self) -> tuple[Tensor, ...]:
        return self.network.features

    def shared_parameters(self) -> list[nn.Parameter]:
        return self.network.shared_parameters()

    def last_shared_parameters(self) -> list[nn.Parameter]:
        return self.network.last_shared_parameters()

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        return [*self.network.task_parameters(task), *self.distillation.task_parameters(task)]


def check_teachable(
    config: Config, tasks: Sequence[Task], singles: Mapping[str, SingleTask]
) -> None:
    """Checks, before any network is trained, that the features can be compared map by map.

    Raises:
        ConfigError: a teacher has more or fewer shared maps than the multi-task network.
    """
    own = _number_of_maps(config, tasks)
    for task in tasks:
        single = _at_size(singles[task.name].config, config)
        number = _number_of_maps(single, [task])
        if number != own:
            raise config.error(
                "loss",
                f"{config.loss} compares shared features map by map, but {single.arch} "
                f"{single.backbone}, the single-task network of {task.name}, has {number} and "
                f"{config.arch} {config.backbone} has {own}; take the same architecture for both",
            )


def _at_size(single: Config, config: Config) -> Config:
    """A teacher's cfg for the images of the multi-task network."""
    return single.replace(size=config.size)


def _number_of_maps(config: Config, tasks: Sequence[Task]) -> int:
    """How many shared maps a cfg's network has, found without memory."""
    with torch.device("meta"):
        network = make_network(config, {task.name: task.head for task in tasks}, "false")
        return len(_shapes(network, torch.empty(1, 3, *config.size)))


@torch.no_grad()
def _shapes(network: Network, image: Tensor) -> list[torch.Size]:
    """The shapes (C, h, w) of a network's shared maps for an image."""
    training = network.training
    network.eval()(image.to(next(network.parameters()).device))
    network.train(training)
    return [one.shape[1:] for one in network.features]


def _frozen(config: Config, task: Task, folder: RunFolder, device: torch.device) -> Network:
    """A trained single-task network that will not change."""
    network = make_network(config, {task.name: task.head}, pretrained="false")
    state = checkpoint.load(folder.best, "cpu")
    checkpoint.load_network(network, state["network"], folder.best)
    layout = torch.channels_last if config.channels_last else torch.preserve_format
    return network.requires_grad_(False).eval().to(device=device, memory_format=layout)


def _resized(feature: Tensor, size: Sequence[int]) -> Tensor:
    if feature.shape[2:] == size:
        return feature
    return F.interpolate(feature, tuple(size), mode="bilinear", align_corners=False)


def _moved(target: Any, device: torch.device) -> Any:
    """A batched target, a tensor or a list of them, on a device."""
    return [one.to(device) for one in target] if isinstance(target, list) else target.to(device)
