"""The data of a run: what it trains on, what steers it, and what it is tested on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

import models
from datasets import scenes
from datasets.cache import open_cache
from datasets.loader import Loader
from datasets.merge import MultiTaskDataset
from datasets.scenes.rendering import Rendering
from datasets.unite import build_tasks
from datasets.usable import has_usable_label
from engine.runs.datasets import validation_splits
from engine.runs.naming import check_naming
from engine.runs.protocol import KeptLabels
from engine.runs.splits import few_validation_images, read_splits
from tasks import Task
from utils.errors import DataError
from utils.locks import locked
from utils.part import Choice
from utils.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from engine.config import Config


@dataclass
class Data:
    """The training, validation and test images, and the tasks they are labelled for.

    `selected_on` says where the validation images come from: 'validation' or 'test'. `notes` are
    what a user should know of the data, a line each. `kept_labels` are which labels the training
    images keep, where these are not all.
    """

    tasks: list[Task]
    train: MultiTaskDataset
    val: MultiTaskDataset
    test: MultiTaskDataset
    selected_on: str
    notes: list[str] = field(default_factory=list)
    kept_labels: KeptLabels | None = None

    def loaders(
        self, config: Config, device: torch.device, ranks: Ranks = ALONE
    ) -> tuple[Loader, Loader]:
        """Those of the training and the validation images, which processes share."""
        skip = config.loading.on_bad_sample == "skip"
        pin = device.type == "cuda"
        train = Loader(
            self.train,
            config.loading,
            training=True,
            pin=pin,
            seed=config.run.seed,
            sampler=config.data.sampling.build(),
            skip=skip,
            ranks=ranks,
            parts=config.batch_parts,
            period=config.training.period,
        )
        # What is tested is tested whole.
        skip = skip and self.selected_on != "test"
        options = {"training": False, "pin": pin, "ranks": ranks}
        return train, Loader(self.val, config.loading, skip=skip, **options)

    def test_loader(self, config: Config, device: torch.device, ranks: Ranks = ALONE) -> Loader:
        pin = device.type == "cuda"
        return Loader(self.test, config.loading, training=False, pin=pin, ranks=ranks)


def build_data(config: Config, only: Task | None = None, missing_allowed: bool = False) -> Data:
    """Lists the cfg's data, rendering them first where the cfg says so and they are not there.

    Args:
        only: the one task, of those of the cfg, whose images and labels are wanted.
        missing_allowed: whether files that are not there are listed as well.

    Raises:
        ConfigError, DataError: see `utils.errors`.
    """
    named = [choice for choice, _ in validation_splits(config)]
    root = data_root(config, [*config.data.train_dataset, *config.data.test_dataset, *named])
    splits = read_splits(config, root, missing_allowed)
    check_naming(config, splits.train, [*splits.val, *splits.test])
    tasks = [only] if only else build_tasks(config.run.tasks, splits.train, config.data.classes)
    size, cache = config.data.size, open_cache(config.loading.cache, Path(config.run.runs))
    options = {
        "padding": models.normalisation_of(config.network.backbone).padding,
        "aspect": config.data.aspect,
        "label_stride": config.network.arch.build().prediction_stride,
    }
    data = Data(
        tasks=tasks,
        train=MultiTaskDataset(
            splits.train,
            tasks,
            size,
            config.augmentation,
            config.run.seed,
            cache,
            keep_unlabelled=config.data.keep_unlabelled,
            **options,
        ),
        val=MultiTaskDataset(splits.val, tasks, size, **options),
        test=MultiTaskDataset(splits.test, tasks, size, **options),
        selected_on=splits.selected_on,
        notes=splits.notes,
        kept_labels=splits.kept_labels,
    )
    _require_labels(data)
    _check_rotation(config, data)
    if data.selected_on == "validation":
        data.notes += few_validation_images(
            {task.name: len(data.val.labelled_for(task)) for task in tasks}
        )
    return data


def data_root(config: Config, datasets: Sequence[Choice]) -> Path:
    """The folder the datasets lie in. Scenes have one for each way to render them, so that they
    neither mix with real data nor with other scenes."""
    root, rendering = data_folder(config), config.rendering
    if not rendering.render_train:
        return root
    rendered = {c.name: c.part.folder for c in datasets if c.name not in config.datasets}

    def missing() -> list[str]:
        return [name for name, folder in rendered.items() if not (root / folder).is_dir()]

    if missing():
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / "lock", f"{root} is being rendered"):
            _render(root, missing(), rendering)
    return root


def data_folder(config: Config) -> Path:
    """That folder, whether the data are rendered yet or not."""
    root, rendering = config.data.root, config.rendering
    if not rendering.render_train:
        return root
    height, width = rendering.render_size
    return root / (
        f"scenes_{height}x{width}_{rendering.render_train}+{rendering.render_val}"
        f"_seed{rendering.render_seed}"
    )


def _render(root: Path, names: Sequence[str], rendering: Rendering) -> None:
    if not names:
        return
    print(f"rendering {', '.join(names)} into {root}", flush=True)
    scenes.write(
        root,
        names,
        train=rendering.render_train,
        val=rendering.render_val,
        size=rendering.render_size,
        seed=rendering.render_seed,
        progress=tqdm if sys.stderr.isatty() else None,
    )


def _require_labels(data: Data) -> None:
    """Checks that every task has labels that can be learnt from, and tested on.

    Raises:
        DataError: a task has none.
    """
    for task in data.tasks:
        for part in ("train", "val", "test"):
            if not len(getattr(data, part).labelled_for(task)):
                reasons = f" ({'; '.join(data.notes)})" if data.notes else ""
                raise DataError(f"no image of the {part} set has labels for {task.name}{reasons}")
        for part in ("train", "test"):
            if not has_usable_label(task, getattr(data, part)):
                raise DataError(_unusable(task, part))
    # One that validation cannot measure is left out of the choice of the checkpoint.
    if not any(has_usable_label(task, data.val) for task in data.tasks):
        raise DataError(_unusable(data.tasks[0], "val"))


def _check_rotation(config: Config, data: Data) -> None:
    """Checks that labels can be turned, where the cfg turns images.

    Raises:
        ConfigError: it is not known which way those of a task point.
    """
    if not config.augmentation.rotation:
        return
    for entry in data.train.entries:
        for task, label in zip(data.tasks, entry.labels, strict=True):
            if label is not None and not label.format.can_turn:
                raise config.error(
                    "rotation",
                    f"nothing says which way the vectors of {entry.dataset}'s {task.name} point on "
                    "the image, so they cannot be turned with it; give their axes (normal_axes) in "
                    "the section of a dataset of your own, or leave rotation out",
                )


def _unusable(task: Task, part: str) -> str:
    return (
        f"no label of the {part} set is usable for {task.name}: none has a pixel that counts; "
        "--mode check tells what the labels hold"
    )
