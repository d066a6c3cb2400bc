"""The datasets of a cfg: those that come along, and those that it describes in sections."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.base import Split
from datasets.naming import Naming
from utils.errors import ConfigError, DataError
from utils.option_names import DATASET
from utils.part import Choice

if TYPE_CHECKING:
    from engine.config import Config

_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # the bytes of a file's name that are not


def validation_splits(config: Config) -> list[tuple[Choice, str]]:
    """The (dataset, split) pairs that `val` names; none where it says something else.

    Raises:
        ConfigError: a dataset that nobody knows.
    """
    with config.located():
        return [
            (config.dataset(name, "val"), split) for name, split in config.data.validation_splits()
        ]


def check_divided(config: Config) -> None:
    """Checks that the cfg's own datasets that serve for several things say which of their images
    serve for what.

    Raises:
        ConfigError: a dataset does not say so.
    """
    train = {choice.name for choice in config.data.train_dataset}
    test = {choice.name for choice in config.data.test_dataset} or train
    val = {choice.name for choice, _ in validation_splits(config)}
    for name, choice in config.datasets.items():
        with config.located(f"{DATASET}.{name}"):
            divides = choice.build(name).selection.divides
        purposes = (name in train) + (name in test) + (name in val)
        if not divides and purposes > 1:
            raise config.error(
                f"{DATASET}.{name}",
                f"the cfg both trains and tests on {name}, which does not say on which of its "
                f"images: add `split = 0.2` to [dataset.{name}] to test on a fifth of them, or "
                "name another test_dataset",
            )


def read_split(
    config: Config, choice: Choice, root: Path, split: str, missing_allowed: bool = False
) -> Split:
    """Lists the files of a dataset; `split` is 'train' or 'test'.

    Args:
        root: the folder of the datasets that come along. Those of the cfg's own count from
            `dataset_root`.
        missing_allowed: whether files that are not there are listed as well.

    Raises:
        DataError: the files cannot be read, are not there, or are not what the cfg says.
    """
    if choice.name in config.datasets:
        root = config.data.root
    with config.located(f"{DATASET}.{choice.name}"):
        try:
            listed = choice.build(choice.name).read(root, split, missing_allowed)
        except OSError as reason:  # a folder that may not be listed
            raise DataError(f"{reason.filename}: cannot be read ({reason.strerror})") from None
    for folder, names in listed.samples.folders():
        for path in chain([folder], names):
            if _NOT_UTF8.search(path):
                image = Path(folder, names[0] if path == folder else path)
                raise DataError(f"{image}: the file's name is not UTF-8; rename the file")
    return replace(listed, naming=naming_of(config, choice))


def declared_split(config: Config, choice: Choice) -> Split:
    """A dataset as it is known without its files: one image without a name, with all its labels.

    Raises:
        ConfigError: its classes are not known without its files.
    """
    root = config.data.root
    with config.located(f"{DATASET}.{choice.name}"):
        try:
            declared = choice.build(choice.name).declared(root)
        except ConfigError as reason:
            advice = f"name its classes in [dataset.{choice.name}]"
            raise ConfigError(f"{reason}; {advice}", reason.option) from None
    return replace(declared, naming=naming_of(config, choice))


def naming_of(config: Config, choice: Choice) -> Naming:
    """What the names of a dataset's classes mean."""
    naming = config.data.naming
    names = labelled_classes(config).get(choice.name)
    return replace(naming, labelled=frozenset(map(naming.name, names))) if names else naming


def labelled_classes(config: Config) -> dict[str, tuple[str, ...]]:
    """By dataset, the classes that the cfg says are labelled, as the user spelt them.

    Raises:
        ConfigError: a dataset that nobody knows, or one whose own section says so as well.
    """
    result = {
        name: names
        for name, choice in config.datasets.items()
        if (names := choice.value("labelled_classes"))
    }
    with config.located():
        for spelling, names in config.data.labelled_by_dataset.items():
            try:
                name = config.dataset(spelling, "labelled_classes").name
            except ConfigError as reason:
                raise ConfigError(f"labelled_classes: {reason}", "labelled_classes") from None
            if name in result:
                raise ConfigError(
                    f"labelled_classes: [{DATASET}.{name}] says so itself", "labelled_classes"
                )
            result[name] = names
    return result
