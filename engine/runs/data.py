"""The data of a run: what it trains on, what steers it, and what it is tested on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from datasets import scenes
from datasets.base import Split
from datasets.cache import open_cache
from datasets.holdout import train_val_split
from datasets.loader import Loader
from datasets.merge import MultiTaskDataset
from datasets.scenes.rendering import Rendering
from datasets.unite import build_tasks
from engine.runs.datasets import read_split, validation_splits
from tasks import Task
from utils.errors import DataError
from utils.locks import locked
from utils.part import Choice

if TYPE_CHECKING:
    from engine.config import Config


@dataclass
class Data:
    """The training, validation and test images, and the tasks they are labelled for.

    `selected_on` says where the validation images come from: 'validation' or 'test'.
    """

    tasks: list[Task]
    train: MultiTaskDataset
    val: MultiTaskDataset
    test: MultiTaskDataset
    selected_on: str

    def loaders(self, config: Config, device: torch.device) -> tuple[Loader, Loader]:
        """Those of the training and the validation images."""
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
        )
        # What is tested is tested whole.
        skip = skip and self.selected_on != "test"
        return train, Loader(self.val, config.loading, training=False, pin=pin, skip=skip)

    def test_loader(self, config: Config, device: torch.device) -> Loader:
        pin = device.type == "cuda"
        return Loader(self.test, config.loading, training=False, pin=pin)


def build_data(config: Config, only: Task | None = None) -> Data:
    """Lists the cfg's data, rendering them first where the cfg says so and they are not there.

    Args:
        only: the one task, of those of the cfg, whose images and labels are wanted.

    Raises:
        ConfigError, DataError: see `utils.errors`.
    """
    trained = config.data.train_dataset
    tested = config.data.test_dataset or trained
    root = data_root(config, [*trained, *tested])
    allowed = config.loading.on_bad_sample == "skip"
    train = [read_split(config, choice, root, "train", allowed) for choice in trained]
    test = [read_split(config, choice, root, "test") for choice in tested]
    train, val = _validation(config, root, train, test)
    tasks = [only] if only else build_tasks(config.run.tasks, train, config.data.classes)
    size, cache = config.data.size, open_cache(config.loading.cache, Path(config.run.runs))
    data = Data(
        tasks=tasks,
        train=MultiTaskDataset(train, tasks, size, config.augmentation, config.run.seed, cache),
        val=MultiTaskDataset(val, tasks, size),
        test=MultiTaskDataset(test, tasks, size),
        selected_on="test" if config.data.val == "test" else "validation",
    )
    _require_labels(data)
    return data


def data_root(config: Config, datasets: Sequence[Choice]) -> Path:
    """The folder the datasets lie in. Scenes have one for each way to render them, so that they
    neither mix with real data nor with other scenes."""
    root, rendering = config.data.root, config.rendering
    if not rendering.render_train:
        return root
    height, width = rendering.render_size
    root = root / (
        f"scenes_{height}x{width}_{rendering.render_train}+{rendering.render_val}"
        f"_seed{rendering.render_seed}"
    )
    rendered = {c.name: c.part.folder for c in datasets if c.name not in config.datasets}

    def missing() -> list[str]:
        return [name for name, folder in rendered.items() if not (root / folder).is_dir()]

    if missing():
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / "lock", f"{root} is being rendered"):
            _render(root, missing(), rendering)
    return root


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


def _validation(
    config: Config, root: Path, train: list[Split], test: list[Split]
) -> tuple[list[Split], list[Split]]:
    """The training splits without what is held out, and the validation splits."""
    if config.data.val == "test":
        return train, test
    if config.data.held_out is None:
        named = validation_splits(config)
        return train, [read_split(config, choice, root, part) for choice, part in named]
    parts = [train_val_split(split, config.data.held_out) for split in train]
    return [kept for kept, _ in parts], [taken for _, taken in parts]


def _require_labels(data: Data) -> None:
    for task in data.tasks:
        for part in ("train", "val", "test"):
            if not getattr(data, part).labelled_for(task):
                raise DataError(f"no image of the {part} set has labels for {task.name}")
