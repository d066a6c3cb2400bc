"""Which images of a cfg's datasets serve to train, to validate and to test; none for two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.base import Sample, Split
from datasets.holdout import train_val_split
from datasets.leaks import ResolvedPaths, without_copies, without_images
from datasets.unite import labelled_names, task_label
from datasets.usable import is_usable
from engine.runs.datasets import read_split, validation_splits
from engine.runs.protocol import KeptLabels, keep_labels, kept_types
from tasks import TASKS
from utils.text import count_of

if TYPE_CHECKING:
    from engine.config import Config

FEW_IMAGES = 20
"""A validation set of fewer chooses the checkpoint by chance."""


@dataclass
class Splits:
    """The images of a cfg, by what they serve for.

    Attributes:
        train, val, test: the datasets of each.
        selected_on: where the validation images come from: 'validation' or 'test'.
        notes: which images were taken out of the training set, and what else a user should know of
            how the images were divided, a line each.
        kept_labels: which labels the training images keep; None where they keep all.
    """

    train: list[Split]
    val: list[Split]
    test: list[Split]
    selected_on: str = "validation"
    notes: list[str] = field(default_factory=list)
    kept_labels: KeptLabels | None = None


def read_splits(config: Config, root: Path, missing_allowed: bool = False) -> Splits:
    """Lists the cfg's datasets. Images of the test set and of the validation set are left out of
    the training set, in whichever dataset and by whatever path they are listed. What is then left
    of it keeps the labels that the protocol says; which images are held out does not depend on it.

    Args:
        root: the folder of the datasets that come along.
        missing_allowed: whether files that are not there are listed as well.

    Raises:
        ConfigError, DataError: see `utils.errors`.
    """
    trained = config.data.train_dataset
    in_training = missing_allowed or config.loading.on_bad_sample == "skip"
    splits = Splits(
        train=[read_split(config, choice, root, "train", in_training) for choice in trained],
        val=[],
        test=[
            read_split(config, choice, root, "test", missing_allowed)
            for choice in config.data.test_dataset or trained
        ],
    )
    kept = kept_types(config, splits.train)
    resolved = ResolvedPaths()
    _leave_out_copies(splits, resolved)
    _leave_out(splits, splits.test, "test", resolved)
    if config.data.val == "test":
        splits.val, splits.selected_on = splits.test, "test"
    elif config.data.held_out is not None:
        usable = _usability(config)
        pairs = [train_val_split(s, config.data.held_out, usable) for s in splits.train]
        splits.train, splits.val = [kept for kept, _ in pairs], [taken for _, taken in pairs]
        _leave_out(splits, splits.val, "validation", resolved)
    else:
        splits.val = [
            read_split(config, choice, root, part, missing_allowed)
            for choice, part in validation_splits(config)
        ]
        _leave_out(splits, splits.val, "validation", resolved)
        _note_validation_on_test(splits, resolved)
    splits.train, splits.kept_labels = keep_labels(splits.train, kept)
    if splits.kept_labels:
        splits.kept_labels.check(config)
        splits.notes += splits.kept_labels.notes(config)
    return splits


def few_validation_images(counts: Mapping[str, int]) -> list[str]:
    """A line where tasks have few validation images.

    Args:
        counts: the number of validation images that are labelled for each task, by its name.
    """
    few = [f"{count} for {name}" for name, count in counts.items() if count < FEW_IMAGES]
    return few and [
        f"few labelled images to validate on: {', '.join(few)}; with fewer than {FEW_IMAGES}, "
        "chance chooses the checkpoint: hold out more (val)"
    ]


def _leave_out_copies(splits: Splits, resolved: ResolvedPaths) -> None:
    for number, split in enumerate(splits.train):
        splits.train[number], copies = without_copies(split, resolved)
        if copies:
            splits.notes.append(
                f"{split.name}: left out of the training set: {count_of(copies, 'image')} that "
                "another one is by another name"
            )


def _leave_out(
    splits: Splits, held_out: Sequence[Split], name: str, resolved: ResolvedPaths
) -> None:
    """Takes the images of the validation or the test set out of the training set."""
    splits.train, count, example = without_images(splits.train, held_out, resolved)
    if count:
        splits.notes.append(
            f"{count_of(count, 'image')} of the {name} set left the training set, such as {example}"
        )


def _note_validation_on_test(splits: Splits, resolved: ResolvedPaths) -> None:
    _, count, example = without_images(splits.val, splits.test, resolved)
    if count:
        splits.selected_on = "test"
        splits.notes.append(
            f"{count_of(count, 'validation image')} in the test set as well, such as {example}: "
            "the checkpoint is chosen on the test set"
        )


def _usability(config: Config) -> Callable[[Split, Sample], bool]:
    """Whether every label of a sample has something to learn from. Labels of tasks that the cfg
    does not name count too, so that the baseline of a task holds out the same images."""
    choices = {choice.name: choice for choice in config.run.tasks}

    def usable(split: Split, sample: Sample) -> bool:
        tasks = (
            (choices[t].build if t in choices else TASKS[t])(labelled_names(TASKS[t], split))
            for t in sample.labels
        )
        labels = ((task, task_label(task, split, sample)) for task in tasks)
        return all(is_usable(task, label, sample.image) for task, label in labels if label)

    return usable
