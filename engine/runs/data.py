"""The data of a run: what it trains on, what steers it, and what it is tested on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

import datasets.scenes as scenes
import models
from datasets.augment import Augmentation
from datasets.base import Source, missing_files_allowed
from datasets.cache import open_cache
from datasets.holdout import split
from datasets.merge import Merged
from datasets.presence import folder_of
from datasets.sampling import Sampling
from datasets.unite import unite_tasks
from engine.catalogue import check_divided, dataset_names, read_dataset, validation_sets
from tasks import KINDS, SPELLINGS, Task
from utils.config import Config, nearest
from utils.errors import ConfigError, DataError


@dataclass
class Data:
    """The merged training, validation and test images, and the tasks they are labelled for.

    `sampling` says how the training images are drawn, and `selected_on` where the validation images
    come from: 'validation' or 'test'.
    """

    tasks: list[Task]
    train: Merged
    val: Merged
    test: Merged
    sampling: Sampling
    selected_on: str


def with_full_names(config: Config) -> Config:
    """The cfg with tasks, datasets, architecture and backbone as their rooms call them. Every name
    is checked before anything is built or written.

    Raises:
        ConfigError: names the option, where it stands, and the nearest name that exists.
    """
    full = {
        "tasks": task_kinds(config),
        "train_dataset": dataset_names(config, "train_dataset"),
        "test_dataset": dataset_names(config, "test_dataset"),
    }
    check_divided(config)
    sampling_of(config)
    rooms = {"arch": models.canonical_architecture, "backbone": models.canonical_backbone}
    for option, name in rooms.items():
        try:
            full[option] = name(getattr(config, option))
        except ConfigError as reason:
            raise config.error(option, str(reason)) from None
    if config.baselines and 1 < len(full["tasks"]) != len(config.baselines):
        raise config.error(
            "baselines",
            f"names {len(config.baselines)} cfgs for the {len(full['tasks'])} tasks of the cfg",
        )
    return config.replace(**full)


def task_kinds(config: Config) -> list[str]:
    """The kinds of the cfg's tasks by their full names.

    Raises:
        ConfigError: a task that nobody knows, or one twice.
    """
    kinds = []
    for name in config.tasks:
        if name not in SPELLINGS:
            raise config.error("tasks", f"there is no task {name!r}{nearest(name, SPELLINGS)}")
        if SPELLINGS[name] in kinds:
            raise config.error("tasks", f"names the task {SPELLINGS[name]} twice")
        kinds.append(SPELLINGS[name])
    return kinds


def sampling_of(config: Config) -> Sampling:
    """How the cfg wants its datasets to be drawn from.

    Raises:
        ConfigError: `epoch_images` is neither a word that it knows nor a number.
    """
    try:
        return Sampling(config.sampling, config.sampling_temperature, config.epoch_images)
    except ConfigError as reason:
        raise config.error("epoch_images", str(reason)) from None


def task_options(config: Config) -> dict:
    """The settings of the cfg that tasks take, by name."""
    return {name: getattr(config, name) for kind in KINDS.values() for name in kind.options}


def build_data(config: Config, only: Task | None = None) -> Data:
    """Lists the cfg's data, rendering them first where the cfg says so and they are not there.

    Args:
        only: the one task, of those of the cfg, whose images and labels are wanted.

    Raises:
        ConfigError, DataError: see `utils.errors`.
    """
    kinds = task_kinds(config)
    train_names = dataset_names(config, "train_dataset")
    test_names = dataset_names(config, "test_dataset") or train_names
    root = data_root(config, [*train_names, *test_names])
    with missing_files_allowed() if config.on_bad_sample == "skip" else nullcontext():
        train = [read_dataset(config, name, root, "train") for name in train_names]
    test = [read_dataset(config, name, root, "test") for name in test_names]
    train, val = _validation(config, root, train, test)
    tasks = [only] if only else unite_tasks(kinds, train, task_options(config), config.classes)
    size = tuple(config.size)
    augmentation = Augmentation(size, (config.min_scale, config.max_scale))
    cache = open_cache(config.cache, Path(config.runs))
    data = Data(
        tasks=tasks,
        train=Merged(train, tasks, size, augmentation, config.seed, cache),
        val=Merged(val, tasks, size),
        test=Merged(test, tasks, size),
        sampling=sampling_of(config),
        selected_on="test" if config.val == "test" else "validation",
    )
    _require_labels(data)
    return data


def data_root(config: Config, names: Sequence[str]) -> Path:
    """The folder the datasets lie in. Scenes have one for each way to render them, so that they
    neither mix with real data nor with other scenes."""
    root = Path(config.dataset_root).expanduser()
    if not config.render_train:
        return root
    height, width = config.render_size
    root = root / (
        f"scenes_{height}x{width}_{config.render_train}+{config.render_val}_seed{config.render_seed}"
    )
    rendered = [name for name in dict.fromkeys(names) if name not in config.datasets]
    missing = [name for name in rendered if not folder_of(name, root).is_dir()]
    if missing:
        print(f"rendering {', '.join(missing)} into {root}", flush=True)
        scenes.write(
            root,
            missing,
            train=config.render_train,
            val=config.render_val,
            size=(height, width),
            seed=config.render_seed,
            progress=tqdm if sys.stderr.isatty() else None,
        )
    return root


def _validation(
    config: Config, root: Path, train: list[Source], test: list[Source]
) -> tuple[list[Source], list[Source]]:
    if config.val == "test":
        return train, test
    if sets := validation_sets(config):
        return train, [read_dataset(config, name, root, part) for name, part in sets]
    parts = [split(source, float(config.val)) for source in train]
    return [kept for kept, _ in parts], [taken for _, taken in parts]


def _require_labels(data: Data) -> None:
    for task in data.tasks:
        for part in ("train", "val", "test"):
            if not getattr(data, part).labelled_for(task):
                raise DataError(f"no image of the {part} set has labels for {task.name}")
