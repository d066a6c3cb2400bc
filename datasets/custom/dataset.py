"""A dataset that a section of a cfg describes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from datasets.base import Dataset, Sample, Split, declared_split
from datasets.custom.labels import (
    SPLIT,
    CustomLabels,
    Names,
    in_split,
    is_given,
    label_options,
    told_at,
)
from datasets.custom.patterns import find, is_list
from datasets.holdout import stratified_holdout
from datasets.listing import require_files
from tasks import TASKS
from utils.errors import ConfigError
from utils.option import option


class CustomDataset(Dataset):
    """A dataset that a section [dataset.<name>] describes. :func:`section_part` adds the keys about
    the labels of each task.

    Attributes:
        share: the share of the images to test on, where the section gives one.
        words: what `SPLIT` stands for to train and to test, where the section says so.
        labels_of: the labels by task type.

    Raises:
        ConfigError: a value cannot be; names the key.
    """

    section = "dataset"

    root: str | None = option(
        None,
        "the folder of the dataset (empty: <dataset_root>/<name>); relative ones count from "
        "dataset_root",
        affects="nothing",
    )
    images: str | None = option(None, "a pattern or a list of the images, below root")
    split: tuple[str, ...] = option(
        (), "the share of the images to test on, or two words for {split}, to train and to test"
    )
    classes: tuple[str, ...] = option(
        (), "the classes of segmentation and detection, in the order of their numbers"
    )

    def __init__(self, name: str, **options: Any):
        super().__init__(name, **options)
        if self.images is None:
            raise ConfigError(f"the dataset {name} wants `images = …`", "images")
        labelled = [task_type for task_type in TASKS if is_given(self.settings.get(task_type))]
        if not labelled:
            known = ", ".join(TASKS)
            raise ConfigError(f"the dataset {name} wants the labels of a task: {known}", "")
        self.share, self.words = _parse_split(self.split)
        self.labels_of = {t: CustomLabels(t, self.settings, self.words) for t in labelled}
        self._check_that_all_is_used()
        self._check_shared_classes()
        self._check_words()

    def read(self, root, split, missing_allowed=False):
        """Lists the files of a split; where the section says nothing of splits, both are all
        images. See :meth:`Dataset.read`."""
        folder = self._folder(root)
        if not folder.is_dir():
            raise ConfigError(
                f"the dataset {self.name} is not there: no folder {folder}; `root = …` in "
                f"[dataset.{self.name}] names its place",
                "root",
            )
        listed = self.list(folder, split)
        if is_list(self.images) and not missing_allowed:
            with told_at("images"):
                require_files([sample.image for sample in listed.samples])
            for task_type in self.labels_of:
                labels = [s.labels[task_type] for s in listed.samples if task_type in s.labels]
                with told_at(task_type):
                    require_files(dict.fromkeys(label.file for label in labels))
        return listed

    def list(self, folder, split):
        with told_at("images"):
            images = find(folder, in_split(self.images, self.words, split))
        read = {t: stored.read(folder, split, images) for t, stored in self.labels_of.items()}
        labels = {task_type: by_key for task_type, (by_key, _) in read.items()}
        unmatched = {task_type: others for task_type, (_, others) in read.items() if others}
        if self.share:
            tested = _tested(images, labels, self.share)
            images = {k: name for k, name in images.items() if (k in tested) == (split == "test")}
        samples = tuple(
            Sample(folder / name, {t: by_key[key] for t, by_key in labels.items() if key in by_key})
            for key, name in images.items()
        )
        return Split(self.name, samples, self._classes(folder), folder, unmatched)

    def declared(self, root):
        return declared_split(self.name, self._classes(self._folder(root)))

    def storage(self, task_type: str) -> dict[str, Any]:
        """The options of the format of a task's labels that the section gives."""
        return self.labels_of[task_type].storage

    def _folder(self, dataset_root: Path) -> Path:
        return dataset_root / os.path.expanduser(self.root or self.name)

    def _classes(self, folder: Path) -> dict[str, tuple[str, ...]]:
        return {task_type: labels.classes(folder) for task_type, labels in self.labels_of.items()}

    def _check_that_all_is_used(self) -> None:
        unused = [key for t in TASKS if t not in self.labels_of for key in label_options(t)]
        if not any(TASKS[task_type].has_classes for task_type in self.labels_of):
            unused.append("classes")
        for key in unused:
            if is_given(self.settings.get(key)):
                raise ConfigError(f"{key} is about labels that the dataset does not name", key)

    def _check_shared_classes(self) -> None:
        """Checks that masks and boxes do not share a list of classes where the masks may count the
        background first, which shifts all of their classes by one."""
        sharing = [
            task_type
            for task_type in self.labels_of
            if TASKS[task_type].has_classes and not self.settings[f"{task_type}_classes"]
        ]
        for task_type in sharing:
            if len(sharing) > 1 and self.labels_of[task_type].may_count_background:
                raise ConfigError(
                    "masks mostly count the background as 0, and boxes have none: name the classes "
                    f"of the masks in `{task_type}_classes`, with background first where 0 is it",
                    task_type,
                )

    def _check_words(self) -> None:
        patterns = {task_type: labels.pattern for task_type, labels in self.labels_of.items()}
        for key, pattern in {"images": self.images, **patterns}.items():
            if SPLIT in pattern and not self.words:
                raise ConfigError(f"what {SPLIT} stands for is missing: `split = train val`", key)
        if self.words and SPLIT not in self.images:
            raise ConfigError(f"images = {self.images} has no {SPLIT} for these words", "split")


def section_part() -> type[CustomDataset]:
    """The part that a section [dataset.<name>] describes, with keys about the labels of every task
    that is registered now; see :func:`datasets.custom.labels.label_options`."""
    keys = {name: key for task_type in TASKS for name, key in label_options(task_type).items()}
    options = {name: declared for name, (_, declared) in keys.items()}
    types = {name: value_type for name, (value_type, _) in keys.items()}
    return type("CustomDataset", (CustomDataset,), {**options, "__annotations__": types})


def _parse_split(words: tuple[str, ...]) -> tuple[float | None, tuple[str, str] | None]:
    """The share of the images to test on, or the two words for `SPLIT`, or neither."""
    if not words:
        return None, None
    if len(words) == 2 and words[0] != words[1]:
        return None, words
    try:
        share = float(words[0]) if len(words) == 1 else 0.0
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ConfigError(
            "split wants a share to test on, above 0 and below 1, or two words that stand for "
            f"{SPLIT} to train and to test, not '{' '.join(words)}'",
            "split",
        )
    return share, None


def _tested(
    images: Names, labels: Mapping[str, Mapping[Hashable, Any]], share: float
) -> set[Hashable]:
    """The images to test on: a share of those labelled alike, at least one and not all. They are
    chosen by their names, so that images that come later displace hardly any of them."""
    labelled = {key: tuple(key in by_key for by_key in labels.values()) for key in images}

    def choose(keys: list[Hashable], count: int) -> list[Hashable]:
        by_hash = sorted(keys, key=lambda key: hashlib.sha256(os.fsencode(images[key])).digest())
        return by_hash[:count]

    return stratified_holdout(labelled, share, choose)
