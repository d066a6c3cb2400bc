"""Whether the classes that a cfg's options name are those of its datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from datasets.base import Split
from datasets.unite import labelled_names
from engine.runs.datasets import declared_split, labelled_classes, validation_splits
from tasks import TASKS
from utils.errors import ConfigError, DataError
from utils.option import nearest
from utils.option_names import DATASET

if TYPE_CHECKING:
    from engine.config import Config


def check_declared_naming(config: Config) -> None:
    """Checks what the options about classes name, as far as it is known without data.

    Raises:
        ConfigError: an option names what is not there, or what contradicts the datasets.
    """
    data = config.data
    if not (data.aliases or data.left_out or data.coarse_classes or labelled_classes(config)):
        return
    train = {choice.name: choice for choice in data.train_dataset}
    others = [*data.test_dataset, *(choice for choice, _ in validation_splits(config))]
    others = {choice.name: choice for choice in others if choice.name not in train}
    _check_datasets(config, [*train, *others])
    try:
        splits = [
            [declared_split(config, choice) for choice in choices.values()]
            for choices in (train, others)
        ]
    except (ConfigError, DataError):  # of classes in files: told where these are read
        return
    check_naming(config, *splits)


def check_naming(config: Config, train: Sequence[Split], others: Sequence[Split]) -> None:
    """Checks that the classes that the options name are there.

    Args:
        train: the datasets to train on.
        others: those to validate and to test on.

    Raises:
        ConfigError: an option names a class that is not there, or a coarse class that does not go
            together with what the datasets label.
    """
    splits = [*train, *others]
    with config.located():
        known = dict.fromkeys(name for split in splits for name in _stored(split))
        for option, names in _named(config).items():
            for name in names:
                if name not in known:
                    raise ConfigError(
                        f"{option}: no dataset of the cfg has a class '{name}'"
                        f"{nearest(name, known)}",
                        option,
                    )
        for split in splits:
            _check_coarse(split)
        _check_finer(train, splits)
    for split in splits:
        _check_labelled(config, split)


def _named(config: Config) -> dict[str, list[str]]:
    """The classes that options name, by option."""
    naming = config.data.naming
    coarse = [name for pair in naming.coarse_classes.items() for name in (pair[0], *pair[1])]
    return {
        "aliases": [*naming.aliases, *naming.aliases.values()],
        "left_out": sorted(naming.left_out),
        "coarse_classes": coarse,
    }


def _check_datasets(config: Config, used: Sequence[str]) -> None:
    with config.located():
        for spelling in config.data.labelled_by_dataset:
            name = config.dataset(spelling, "labelled_classes").name
            if name not in used:
                raise ConfigError(
                    f"labelled_classes: the cfg has no dataset '{spelling}'{nearest(name, used)}",
                    "labelled_classes",
                )


def _check_labelled(config: Config, split: Split) -> None:
    """Checks that a dataset has the classes that it is said to label."""
    stored = _stored(split)
    known = dict.fromkeys((*stored, *map(split.naming.name, stored)))
    for name in labelled_classes(config).get(split.name, ()):
        if name not in known:
            choice = config.datasets.get(split.name)
            of_section = choice is not None and choice.value("labelled_classes")
            with config.located(f"{DATASET}.{split.name}" if of_section else ""):
                raise ConfigError(
                    f"labelled_classes: {split.name} has no class '{name}'{nearest(name, known)}",
                    "labelled_classes",
                )


def _check_coarse(split: Split) -> None:
    """Checks that a dataset labels a class by one name."""
    for names in _labelled(split).values():
        name_of: dict[str, str] = {}
        for coarse, finer in split.naming.coarse_classes.items():
            for name in finer if coarse in names else ():
                if name in names or name in name_of:
                    raise ConfigError(
                        f"coarse_classes: {split.name} labels '{name}' as "
                        f"'{name if name in names else name_of[name]}' and as '{coarse}': leave "
                        f"one of them out of the labelled_classes of {split.name}",
                        "coarse_classes",
                    )
                name_of[name] = coarse


def _check_finer(train: Sequence[Split], splits: Sequence[Split]) -> None:
    """Checks that a coarse class is one of its finer ones, all of which can be learnt."""
    for task_type in dict.fromkeys(t for split in splits for t in split.classes):
        learnt = _union(_labelled(split).get(task_type, ()) for split in train)
        labelled = _union(_labelled(split).get(task_type, ()) for split in splits)
        for coarse, finer in splits[0].naming.coarse_classes.items():
            missing = [name for name in finer if name not in learnt]
            if coarse in labelled and 0 < len(missing) < len(finer):
                raise ConfigError(
                    f"coarse_classes: no dataset to train {task_type} on labels '{missing[0]}', so "
                    f"nobody learns which of '{coarse}' it is",
                    "coarse_classes",
                )


def _stored(split: Split) -> list[str]:
    return [name for names in split.classes.values() for name in names]


def _labelled(split: Split) -> dict[str, tuple[str, ...]]:
    """The classes that a dataset labels, by task type."""
    return {
        task_type: labelled_names(TASKS[task_type], split)
        for task_type, names in split.classes.items()
        if names
    }


def _union(names: Iterable[Iterable[str]]) -> set[str]:
    return {name for some in names for name in some}
