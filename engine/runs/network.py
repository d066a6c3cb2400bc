"""The network of a cfg, and the tasks of a cfg as far as they are known without data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

import models
from datasets.unite import build_tasks
from engine.runs.datasets import declared_split
from tasks import Task
from tasks.base import BoxHead, DenseHead
from utils.errors import DataError

if TYPE_CHECKING:
    from engine.config import Config

SINGLE_IMAGE = (
    "the maps of this network shrink to one pixel an image, of which BatchNorm has no statistics: "
    "take batches of two images or more, or a larger size"
)
"""Why a batch of one image cannot train a network, and what to do."""


def make_network(
    config: Config, heads: Mapping[str, DenseHead | BoxHead], pretrained: bool = True
) -> models.Network:
    """The cfg's network with these heads.

    Args:
        pretrained: whether the backbone gets the weights that the cfg names; False where other
            weights will take their place.

    Raises:
        ConfigError: architecture, backbone and size do not go together; told where the cfg says so.
    """
    backbone = config.network.backbone
    if not pretrained:
        backbone = backbone.with_values(pretrained="false")
    with config.located():
        return models.build(config.network.arch, backbone, heads, config.data.size)


def declared_tasks(config: Config) -> list[Task]:
    """The tasks of the cfg, with the classes that its datasets are known to have without their
    files.

    Raises:
        ConfigError: a task that none of the datasets has labels for.
    """
    splits = [declared_split(config, choice) for choice in config.data.train_dataset]
    try:
        with config.located():
            return build_tasks(config.run.tasks, splits, config.data.classes)
    except DataError as reason:
        raise config.error("tasks", str(reason)) from None


def number_of_maps(config: Config, tasks: Sequence[Task]) -> int:
    """How many shared maps a cfg's network has, found without memory."""
    with torch.device("meta"), torch.no_grad():
        network = make_network(config, {t.name: t.head for t in tasks}, pretrained=False).eval()
        network(torch.empty(1, 3, *config.data.size))
    return len(network.features)


def check_network(config: Config, tasks: Sequence[Task]) -> None:
    """Checks, without memory, that a cfg's network can be built, takes the cfg's images, and has
    the place where the cfg's loss takes the gradients.

    Raises:
        ConfigError: it does not.
    """
    with torch.device("meta"), torch.no_grad():
        network = make_network(config, {t.name: t.head for t in tasks}, pretrained=False).eval()
        network(torch.empty(1, 3, *config.data.size))
    freeze(config, network)
    with config.located():
        config.run.loss.build().check_network(network)


def freeze(config: Config, network: models.Network) -> None:
    """Freezes what the cfg says of a network.

    Raises:
        ConfigError: the network has not so many layers.
    """
    frozen = config.training.freeze
    if frozen == "none":
        return
    with config.located():
        network.freeze(None if frozen == "backbone" else int(frozen))


def trains_on_single_images(config: Config, tasks: Sequence[Task]) -> bool:
    """Whether a batch of one image can train a cfg's network, found without memory: BatchNorm has
    no statistics where a map of one image is a single pixel."""
    with torch.device("meta"), torch.no_grad():
        network = make_network(config, {t.name: t.head for t in tasks}, pretrained=False).train()
        try:
            network(torch.empty(1, 3, *config.data.size))
        except ValueError:
            return False
    return True


def check_batch_size(config: Config, tasks: Sequence[Task], images: int) -> None:
    """Checks that batches, of no more than `images` images, can train a cfg's network.

    Raises:
        ConfigError: they are of one image, which cannot.
    """
    parts, batch = config.batch_parts, min(config.loading.batch_size, images)
    if batch // parts <= 1 and not trains_on_single_images(config, tasks):
        if parts > 1:
            raise config.error(
                "micro_batches" if config.training.micro_batches > 1 else "batch_size",
                f"with parts of one image ({batch} in {parts}) {SINGLE_IMAGE}",
            )
        reason = f"{images} training image" if images == 1 else "batch_size = 1"
        raise config.error("batch_size", f"with {reason} {SINGLE_IMAGE}")
