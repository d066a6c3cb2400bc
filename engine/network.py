"""The network of a cfg, as far as it can be told without data."""

from __future__ import annotations

from collections.abc import Mapping

import models
from datasets.unite import unite_tasks
from engine.catalogue import dataset_names, declared_dataset
from engine.data import task_kinds, task_options
from tasks import Task
from tasks.base import BoxHead, DenseHead
from utils.config import Config
from utils.errors import ConfigError, DataError

_INSTEAD = {
    "neck": "its features are joined as in its paper",
    "channels": "its heads read the backbone's features as they are",
    "output_stride": "the backbone keeps its own strides",
    "skip_connection": "its heads read all levels of features",
    "shared_head": "its tasks share all but a head each",
}
"""What happens with an architecture that has no such option."""


def make_network(
    config: Config, heads: Mapping[str, DenseHead | BoxHead], pretrained: str
) -> models.Network:
    """The cfg's network with these heads.

    Args:
        pretrained: 'true', 'false' or a path, as the option of this name.

    Raises:
        ConfigError: the cfg's architecture, backbone and size do not go together.
    """
    try:
        return models.build(
            config.arch,
            config.backbone,
            dict(heads),
            size=tuple(config.size),
            pretrained={"true": True, "false": False}.get(pretrained, pretrained),
            neck=config.neck,
            channels=config.channels,
            output_stride=config.output_stride,
            skip_connection=config.skip_connection,
            shared_head=config.shared_head,
        )
    except ConfigError as reason:
        raise config.error("arch", str(reason)) from None


def declared_tasks(config: Config) -> list[Task]:
    """The tasks of the cfg, with the classes that its datasets are known to have.

    Raises:
        ConfigError: a name that nobody knows, or a task that none of the datasets has labels for.
    """
    sources = [declared_dataset(config, name) for name in dataset_names(config, "train_dataset")]
    try:
        return unite_tasks(task_kinds(config), sources, task_options(config), config.classes)
    except DataError as reason:
        raise config.error("tasks", str(reason)) from None


def unused_options(config: Config) -> list[str]:
    """A line for each option that the user gave and the cfg's architecture does not have.

    Raises:
        ConfigError: there is no such architecture.
    """
    try:
        own = models.options(config.arch)
    except ConfigError as reason:
        raise config.error("arch", str(reason)) from None
    notices = []
    for name, instead in _INSTEAD.items():
        given = config.where(name) != "default" and getattr(config, name) is not None
        if given and name not in own:
            where = config.where(name)
            notices.append(f"note: {where}: arch {config.arch} has no {name}: {instead}")
    return notices
