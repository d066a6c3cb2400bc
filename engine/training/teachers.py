"""The single-task networks as teachers of the multi-task network (kd-mtl, kd-amtl)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datasets.photometric import float_images
from engine.runs.checkpoint import open_network
from engine.training.precision import Precision
from engine.training.task_losses import TaskLosses, mean_losses
from engine.training.weighted_labels import WeightedLabels
from losses.distillation import Distillation
from models import Network
from models.dropout import Place
from tasks import Task
from utils.canvas import blank_outside
from utils.precision import exact_type
from utils.transfer import tensor_on


@dataclass(frozen=True)
class TeacherOutputs:
    """The outputs of the teachers for a batch, by task, as far as they are wanted: their shared
    maps, and their predictions as targets of all images."""

    features: dict[str, list[Tensor]]
    targets: dict[str, Any]

    def labels(self, images: int) -> list[WeightedLabels]:
        """The predictions as labels: every one of so many images is labelled, and with all
        classes."""
        every_image = torch.ones(images, dtype=torch.bool)
        targets = self.targets.items()
        return [WeightedLabels({name: (target, every_image) for name, target in targets})]


class Teachers:
    """The frozen single-task networks.

    Args:
        paths: by task name, the checkpoint of its single-task network.
        tasks: all tasks, in order.
        sizes: (height, width) of the multi-task network's shared maps.
        label_stride: its `prediction_stride`.
        precision: of the forward passes, on the device of the teachers.

    Raises:
        DataError: a checkpoint is missing or damaged.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        tasks: Sequence[Task],
        sizes: Sequence[tuple[int, int]],
        label_stride: int,
        precision: Precision,
    ):
        self.tasks, self.sizes, self.precision = list(tasks), list(sizes), precision
        self.label_stride = label_stride
        self.networks = {task.name: _frozen(paths[task.name], precision.device) for task in tasks}

    @torch.no_grad()
    def __call__(
        self,
        images: Tensor,
        shown: Tensor,
        with_features: bool = True,
        with_targets: bool = True,
    ) -> TeacherOutputs:
        """The outputs for (B, 3, H, W) images, RGB in [0, 1], of which there may be none: one
        forward pass of each teacher, which normalises them in its own way. Of the padding beyond
        what is `shown` (as in a `Batch`) the targets say nothing."""
        features, targets = {}, {}
        for task in self.tasks:
            network = self.networks[task.name]
            with self.precision.autocast():
                prediction = next(iter(network(images).values()))
            if with_features:
                features[task.name] = [
                    _resized(feature, size)
                    for feature, size in zip(network.features, self.sizes, strict=True)
                ]
            if with_targets:
                size = tuple(images.shape[2:])
                labels = _pseudo_targets(task, prediction, shown, size, self.label_stride)
                batched = task.collate(labels) if labels else _no_targets(task, size)
                targets[task.name] = _moved(batched, images.device)
        return TeacherOutputs(features, targets)


class DistilledLosses(TaskLosses):
    """The losses on the labels with the terms of the teachers. Every task is active in every batch,
    by its teacher where it has no label.

    Args:
        plain: the losses on the labels.
        teachers: the single-task networks.
        distillation: adds the terms; it has the projections of the features.
    """

    def __init__(self, plain: TaskLosses, teachers: Teachers, distillation: Distillation):
        shared = (plain.precision, plain.ranks, plain.seed, plain.missing_weight)
        super().__init__(plain.network, plain.tasks, *shared)
        self.teachers = teachers
        self.distillation = distillation
        self.with_features = bool(distillation.distance_weight)
        self.with_targets = bool(distillation.pseudo_label_weight)
        self.model = StudentModel(plain.network, distillation)

    def on_part(self, batch, labelled, counts=None):
        images = float_images(batch)

        def taught() -> TeacherOutputs:
            return self.teachers(images, batch.shown, self.with_features, self.with_targets)

        if counts is None:  # the outputs for all parts would take too much memory
            taught = functools.cache(taught)
        return lambda place: self._losses(
            self.predict(images, place, self.active(labelled)), batch, labelled, taught(), counts
        )

    def active(self, labelled):
        return {task.name for task in self.tasks}

    def counts(self, batch, labelled):
        """Those of the labels, those of the teachers' predictions, which cost a forward pass of
        each teacher, and those of the maps' pixels, as far as they are wanted."""
        sample, images = self._sample(batch), len(batch.images)
        counts = [super().counts(batch, labelled)] if labelled else []
        if self.with_targets:
            outputs = self.teachers(float_images(batch), batch.shown, with_features=False)
            counts.append(sample.counts(self.tasks, outputs.labels(images)))
        if self.with_features:
            pixels = [images * height * width for height, width in sample.maps]
            kind = exact_type(next(self.network.parameters()))
            counts.append(tensor_on(batch.images.device, pixels, kind))
        return torch.cat(counts)

    def components(self):
        return {"projections": self.distillation} if self.with_features else {}

    def _losses(
        self, predictions, batch, labelled, outputs: TeacherOutputs, counts: Tensor | None
    ) -> dict[str, Tensor]:
        of_labels = of_outputs = pixels = None
        if counts is not None:
            of_labels, of_outputs, pixels = counts.split(
                [
                    sum(task.sums for task in self.labelled_tasks(labelled)),
                    sum(task.sums for task in self.tasks) * self.with_targets,
                    len(self.teachers.sizes) * self.with_features,
                ]
            )
        losses = self.on_labels(predictions, batch, labelled, of_labels)
        features = self.network.features
        pseudo = {}
        if self.with_targets:
            taught = outputs.labels(len(batch.images))
            pseudo = mean_losses(self.tasks, predictions, taught, self.ranks, of_outputs)
        with self.precision.autocast():
            return self.distillation(losses, features, outputs.features, pseudo, pixels)


class StudentModel:
    """The multi-task network as an objective sees it. The projections of a task are parameters of
    this task."""

    def __init__(self, network: Network, distillation: Distillation):
        self.network = network
        self.distillation = distillation

    @property
    def features(self) -> tuple[Tensor, ...]:
        return self.network.features

    @property
    def place(self) -> Place | None:
        return self.network.place

    def shared_parameters(self) -> list[nn.Parameter]:
        return self.network.shared_parameters()

    def last_shared_parameters(self) -> list[nn.Parameter]:
        return self.network.last_shared_parameters()

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        return [*self.network.task_parameters(task), *self.distillation.task_parameters(task)]


def distilled_losses(
    plain: TaskLosses,
    paths: Mapping[str, Path],
    size: tuple[int, int],
    distance_weight: float = 1.0,
    pseudo_label_weight: float = 1.0,
) -> DistilledLosses:
    """The losses on the labels with the terms of teachers that are opened from checkpoints.

    Args:
        plain: the losses on the labels.
        paths: by task name, the checkpoint of its single-task network.
        size: (height, width) of the images.
        distance_weight: the weight of the distance between the features.
        pseudo_label_weight: the weight of the losses on the teachers' predictions.

    Raises:
        DataError: a checkpoint is missing or damaged.
    """
    device = plain.precision.device
    maps = feature_shapes(plain.network, size)
    stride = plain.network.prediction_stride
    teachers = Teachers(paths, plain.tasks, [shape[1:] for shape in maps], stride, plain.precision)
    distillation = Distillation(
        list(teachers.networks),
        [shape[0] for shape in maps],
        {
            name: [shape[0] for shape in feature_shapes(network, size)]
            for name, network in teachers.networks.items()
        },
        distance_weight,
        pseudo_label_weight,
        plain.ranks,
    )
    return DistilledLosses(plain, teachers, distillation.to(device))


@torch.no_grad()
def feature_shapes(network: Network, size: tuple[int, int]) -> list[torch.Size]:
    """The shapes (C, h, w) of the shared maps of a network for an image of `size`."""
    training = network.training
    image = torch.zeros(1, 3, *size, device=next(network.parameters()).device)
    network.eval()(image)
    network.train(training)
    return [feature.shape[1:] for feature in network.features]


def _frozen(path: Path, device: torch.device) -> Network:
    """The network of a checkpoint, to be used but not trained."""
    network, _ = open_network(path, device)
    return network.requires_grad_(False).to(memory_format=torch.channels_last)


def _pseudo_targets(
    task: Task, prediction: Any, shown: Tensor, size: tuple[int, int], label_stride: int
) -> list[np.ndarray]:
    """A teacher's predictions as targets of images of `size` (height, width), one an image. The
    padding around them is void.

    Args:
        label_stride: the pixels of an image to one of a target.
    """
    prediction = task.at_size(prediction, size)
    targets = task.pseudo_targets(task.within(prediction, shown))
    whole = [0, 0, *size[::-1]]
    return [
        target
        if part == whole and label_stride == 1
        else task.warp(target, blank_outside(part, size).shrunk(label_stride))
        for target, part in zip(targets, shown.tolist(), strict=True)
    ]


def _no_targets(task: Task, size: tuple[int, int]) -> Any:
    """The batched targets of no images: the share of a process may be empty."""
    return task.collate([task.unlabelled_target(size)])[:0]


def _resized(feature: Tensor, size: Sequence[int]) -> Tensor:
    if feature.shape[2:] == size:
        return feature
    return F.interpolate(feature, tuple(size), mode="bilinear", align_corners=False)


def _moved(target: Any, device: torch.device) -> Any:
    """A batched target, a tensor or a list of them, on a device."""
    if isinstance(target, list):
        return [item.to(device, non_blocking=True) for item in target]
    return target.to(device, non_blocking=True)
