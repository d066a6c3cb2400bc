"""A dataset that a section of a cfg describes."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from datasets.base import Dataset, Sample, Split, declared_split
from datasets.custom.division import Division
from datasets.custom.keys import is_given, key_of_option, label_options, told_at
from datasets.custom.labels import CustomLabels
from datasets.custom.selection import Selection
from datasets.custom.tables import is_list
from datasets.custom.yolo_labels import is_empty
from datasets.custom.yolo_yaml import is_yaml
from datasets.listing import require_files
from tasks import TASKS
from utils.errors import ConfigError
from utils.option import option
from utils.option_names import plain_names

_MAY_BE_EMPTY = (".txt",)
"""Labels of YOLO, of an image without objects."""


class CustomDataset(Dataset):
    """A dataset that a section [dataset.<name>] describes. :func:`section_part` adds the keys about
    the labels of each task.

    Attributes:
        selection: which images serve to train, and which to test.
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
    ids: str | None = option(None, "a list of the ids of those images that are taken")
    split: tuple[str, ...] = option(
        (), "the share of the images to test on, or two words for {split}, to train and to test"
    )
    split_column: str | None = option(
        None, "the column of the list of images that holds one of the two words of split"
    )
    classes: tuple[str, ...] = option(
        (), "the classes of the labels that have some, in the order of their numbers"
    )
    labelled_classes: tuple[str, ...] = option(
        (), "those of the classes that are labelled wherever they are seen (empty: all)"
    )

    def __init__(self, name: str, **options: Any):
        super().__init__(name, **options)
        if self.images is None:
            raise ConfigError(f"the dataset {name} wants `images = …`", "images")
        labelled = [task_type for task_type in TASKS if is_given(self.settings.get(task_type))]
        if not labelled:
            known = ", ".join(TASKS)
            raise ConfigError(f"the dataset {name} wants the labels of a task: {known}", "")
        division = Division.of(self.split)
        self.labels_of = {t: CustomLabels(t, self.settings, division) for t in labelled}
        self._check_that_all_is_used()
        self._check_shared_classes()
        self.selection = Selection(self.images, self.ids, self.split_column, division)
        for task_type, labels in self.labels_of.items():
            division.check(labels.pattern, task_type)

    @classmethod
    def spelled(cls, name: str, given: Collection[str]) -> str | None:
        """The key that a name in a section means: a key, another name of it, or a key that leaves
        out its task, where the section has labels of one task alone that have it; None where it is
        no key.

        Args:
            given: the names that the section gives.

        Raises:
            ConfigError: as :func:`datasets.custom.keys.key_of_option`.
        """
        keys = plain_names(cls)
        if name in keys:
            return keys[name]
        return key_of_option(name, {keys.get(other) for other in given} & TASKS.keys())

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
        if (is_list(self.images) or is_yaml(self.images)) and not missing_allowed:
            self._require_files(listed.samples)
        return listed

    def list(self, folder, split):
        images, decided = self.selection.all_images(folder, split)
        labels, unmatched = {}, {}
        for task_type, stored in self.labels_of.items():
            labels[task_type], left_over = stored.read(folder, split, images)
            if left_over:
                unmatched[task_type] = left_over
        images, decided_here = self.selection.taken(folder, split, images, labels)
        samples = tuple(
            Sample(folder / name, {t: by_key[key] for t, by_key in labels.items() if key in by_key})
            for key, name in images.items()
        )
        decided |= {**decided_here, **_without_objects(samples)}
        return Split(self.name, samples, self._classes(folder), folder, unmatched, decided)

    def _require_files(self, samples: Sequence[Sample]) -> None:
        """Checks that the files which lists name are there."""
        with told_at("images"):
            require_files([sample.image for sample in samples])
        for task_type in self.labels_of:
            labels = [s.labels[task_type] for s in samples if task_type in s.labels]
            with told_at(task_type):
                require_files(dict.fromkeys(label.file for label in labels), _MAY_BE_EMPTY)

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
            unused += ["classes", "labelled_classes"]
        for key in unused:
            if is_given(self.settings.get(key)):
                raise ConfigError(f"{key} is about labels that the dataset does not name", key)

    def _check_shared_classes(self) -> None:
        """Checks that masks and boxes do not share a list of classes where the masks may count the
        background first, which shifts all of their classes by one. A list that names the background
        says so itself."""
        if any(name in self.classes for task in TASKS.values() for name in task.background):
            return
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


def section_part() -> type[CustomDataset]:
    """The part that a section [dataset.<name>] describes, with keys about the labels of every task
    that is registered now; see :func:`datasets.custom.keys.label_options`."""
    keys = {name: key for task_type in TASKS for name, key in label_options(task_type).items()}
    options = {name: declared for name, (_, declared) in keys.items()}
    types = {name: value_type for name, (value_type, _) in keys.items()}
    return type("CustomDataset", (CustomDataset,), {**options, "__annotations__": types})


def _without_objects(samples: Sequence[Sample]) -> dict[str, str]:
    """What is decided about the images that have no label file and show no object."""
    count = sum(any(is_empty(label) for label in s.labels.values()) for s in samples)
    if not count:
        return {}
    images = "image shows" if count == 1 else "images show"
    return {"no label file": f"{count:,} {images} no object, by YOLO's rule"}
