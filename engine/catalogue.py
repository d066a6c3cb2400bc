"""The datasets that a cfg may name: those that come along, and those that it describes itself in
sections `[dataset.<name>]`."""

from __future__ import annotations

from pathlib import Path

import datasets
from datasets import custom
from datasets.base import Source
from datasets.custom_section import Section
from utils.config import Config, nearest
from utils.errors import ConfigError, DataError


def own_datasets(config: Config) -> dict[str, Section]:
    """The datasets that the cfg describes, by name.

    Raises:
        ConfigError: one has the name of a dataset that comes along, or its section a mistake.
    """
    sections = {}
    for name, values in config.datasets.items():
        header = f"dataset.{name}"
        wheres = {key: config.where(f"{header}.{key}") for key in values}
        wheres[""] = config.where(header)
        if name in datasets.SPELLINGS:
            raise ConfigError(
                f"{wheres['']}: the dataset {name} comes along and is read as it is; give your own "
                "another name"
            )
        sections[name] = Section(name, values, wheres)
    return sections


def dataset_names(config: Config, option: str) -> list[str]:
    """The datasets that an option of the cfg names, by their full names.

    Raises:
        ConfigError: a dataset that nobody knows.
    """
    return [_full_name(config, option, name) for name in getattr(config, option)]


def validation_sets(config: Config) -> list[tuple[str, str]]:
    """The (dataset, split)s that `val` names; none where it says something else.

    Raises:
        ConfigError: a dataset or split that nobody knows.
    """
    if ":" not in config.val:
        return []
    sets = []
    for word in config.val.split():
        name, _, part = word.partition(":")
        full = _full_name(config, "val", name)
        if part not in ("train", "test"):
            raise config.error("val", f"{name} has the splits train and test, not {part!r}")
        sets.append((full, part))
    return sets


def check_divided(config: Config) -> None:
    """Checks that datasets of the cfg's own that serve for several things say which of their images
    serve for what.

    Raises:
        ConfigError: one does not.
    """
    train = set(dataset_names(config, "train_dataset"))
    test = set(dataset_names(config, "test_dataset")) or train
    val = {name for name, _ in validation_sets(config)}
    for name, section in own_datasets(config).items():
        if section.split is None and (name in train) + (name in test) + (name in val) > 1:
            raise section.error(
                "",
                f"the cfg both trains and tests on {name}, which does not say on which of its "
                f"images: add `split = 0.2` to [dataset.{name}] to test on a fifth of them, or "
                "name another test_dataset",
            )


def read_dataset(config: Config, name: str, root: Path, split: str) -> Source:
    """Lists the files of a dataset by its full name; `split` is 'train' or 'test'.

    Args:
        root: the folder of the datasets that come along. Those of the cfg's own count from
            `dataset_root`.

    Raises:
        DataError: they cannot be read, are not there, or are not what the cfg says.
    """
    if name in config.datasets:
        return custom.read(own_datasets(config)[name], _own_root(config), split)
    return datasets.read(name, root, split)


def declared_dataset(config: Config, name: str) -> Source:
    """A dataset as it is known without its files: one image without a name, with all its labels.

    Raises:
        ConfigError: its classes are not known without its files.
    """
    if name not in config.datasets:
        return datasets.declared(name)
    try:
        return custom.declared(own_datasets(config)[name], _own_root(config))
    except DataError as reason:
        raise ConfigError(f"{reason}; name its classes in [dataset.{name}]") from None


def _own_root(config: Config) -> Path:
    return Path(config.dataset_root).expanduser()


def _full_name(config: Config, option: str, name: str) -> str:
    spellings = datasets.SPELLINGS | {own: own for own in config.datasets}
    if name not in spellings:
        raise config.error(option, f"there is no dataset {name!r}{nearest(name, spellings)}")
    return spellings[name]
