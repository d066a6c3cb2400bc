"""Datasets of the user's own: a section of a cfg says where the images and the labels lie.

    [dataset.factory]
    root = /data/factory           # default: <dataset_root>/factory; relative ones count from there
    images = images/*.jpg          # a pattern, or a list of files (.txt), below root
    detection = boxes/*.xml        # VOC XML, a file an image; or one COCO JSON for all
    segmentation = masks/*.png     # PNG of class numbers
    depth = depth/*.png            # PNG or .npy
    normal = normals/*.npy         # .npy of vectors; or PNG, n = 2v/255 - 1 and black for none
    classes = bolt nut "hex key"   # of segmentation and detection, in the order of their numbers
    void = 255                     # segmentation: the number of pixels that do not count
    first = 0                      # segmentation: the number of the first class
    depth_unit = 0.001             # metres a number; by default 0.001 in a PNG and 1 in an .npy
    split = 0.2                    # the share of the images to test on

`images` and the labels of a task or more are needed. So is `classes` for labels that have classes,
unless a COCO JSON brings its own; `segmentation_classes` and `detection_classes` name them where
the two differ.

A label belongs to the image whose wildcards (`*`, `?`, `[ab]`, `**/`) matched the same text:
`masks/a_mask.png` of `masks/*_mask.png` to `images/a.jpg` of `images/*.jpg`. A `.*` at the end
stands for any ending. Line n of a list of labels belongs to line n of the list of images; `-` says
that there is none. A COCO JSON knows images by their names. An image without a label file is not
labelled for that task.

`split` is a share of the images, the same ones always, evenly of those labelled alike; or it is two
words for `{split}` in the patterns, to train and to test: `split = train val` with
`images = {split}/images/*.jpg`. Without `split`, the images serve either to train or to test.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from datasets.base import Dataset, Sample, Split, declared_split, require_files
from datasets.coco import load_annotations
from datasets.formats import FORMATS, Format, Label
from datasets.formats.coco_json import CocoAnnotations, CocoBoxes, CocoMasks
from datasets.holdout import stratified_holdout
from datasets.patterns import find, is_list, line_count, wildcards
from tasks import TASKS, Task
from utils.errors import ConfigError, DataError
from utils.option import Option, option

SPLIT = "{split}"
"""In a pattern: one of the two words of `split`."""

_JSON_FORMATS = {cls.label_type: cls for cls in (CocoBoxes, CocoMasks)}

Names = Mapping[Hashable, str]
"""Files below the dataset's folder by their keys; see `datasets.patterns`."""


class CustomDataset(Dataset):
    """A dataset that a section [dataset.<name>] describes. :func:`section_part` adds the options
    about the labels of each task.

    Attributes:
        patterns: the pattern or the file of the labels, by task type.
        shares: the share of the images to test on, or what `SPLIT` stands for to train and to test;
            None where the section does not say.

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
        self.patterns = {
            task_type: self.settings[task_type]
            for task_type in TASKS
            if self.settings.get(task_type) is not None
        }
        if not self.patterns:
            kinds = ", ".join(TASKS)
            raise ConfigError(f"the dataset {name} wants the labels of a task: {kinds}", "")
        self.shares = self._parse_split()
        self.class_names = {task_type: self._class_names(task_type) for task_type in self.patterns}
        self._check_that_all_is_used()
        self._check_patterns()

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
        return self.list(folder, split, missing_allowed)

    def list(self, folder, split, missing_allowed):
        images = self._find("images", folder, split, missing_allowed)
        labels = {
            task_type: self._labels(task_type, folder, split, images, missing_allowed)
            for task_type in self.patterns
        }
        if isinstance(self.shares, float):
            tested = _tested(images, labels, self.shares)
            images = {k: name for k, name in images.items() if (k in tested) == (split == "test")}
        samples = tuple(
            Sample(folder / name, {kind: of[key] for kind, of in labels.items() if key in of})
            for key, name in images.items()
        )
        return Split(self.name, samples, self._classes(folder), folder)

    def declared(self, root):
        return declared_split(self.name, self._classes(self._folder(root)))

    def storage(self, task_type: str) -> dict[str, Any]:
        """The options of the format of a task's labels that the section gives."""
        return {
            name: self.settings[f"{task_type}_{name}"]
            for stored in _formats(TASKS[task_type])
            for name in stored.options
            if self.settings[f"{task_type}_{name}"] is not None
        }

    def _folder(self, dataset_root: Path) -> Path:
        return dataset_root / Path(self.root or self.name).expanduser()

    def _is_json(self, task_type: str) -> bool:
        """Whether one COCO JSON holds the labels."""
        pattern = self.patterns[task_type]
        return pattern.endswith(".json") and not glob.has_magic(pattern)

    def _pattern(self, key: str, split: str) -> str:
        """The pattern of the images or of a task's labels, to train or to test."""
        pattern = self.images if key == "images" else self.patterns[key]
        if not isinstance(self.shares, tuple):
            return pattern
        return pattern.replace(SPLIT, self.shares[split == "test"])

    def _format(self, task_type: str, folder: Path) -> Format:
        """The format of a task's labels of a file each: by their suffix, else the first."""
        known = _formats(TASKS[task_type])
        suffix = Path(self.patterns[task_type]).suffix
        chosen = next((stored for stored in known if suffix in stored.suffixes), known[0])
        storage = self.storage(task_type)
        settings = {name: value for name, value in storage.items() if name in chosen.options}
        return chosen(self._classes(folder).get(task_type, ()), **settings)

    def _classes(self, folder: Path) -> dict[str, tuple[str, ...]]:
        """The names of the classes by task type; where a COCO JSON names them, it is the one to
        train on."""
        classes = {}
        for task_type, names in self.class_names.items():
            if names is None:
                objects = self._annotations(task_type, folder, "train").classes
                background = TASKS[task_type].background
                names = (*(name for name in background if name not in objects), *objects)
            classes[task_type] = names
        return classes

    def _find(self, key: str, folder: Path, split: str, missing_allowed: bool) -> Names:
        pattern = self._pattern(key, split)
        try:
            files = find(folder, pattern)
            if is_list(pattern):
                require_files([folder / name for name in files.values()], missing_allowed)
        except DataError as reason:
            raise ConfigError(str(reason), key) from None
        return files

    def _labels(
        self, task_type: str, folder: Path, split: str, images: Names, missing_allowed: bool
    ) -> dict[Hashable, Label]:
        """The labels of a task by the keys of their images.

        Raises:
            ConfigError: none belongs to an image, or lists have different lengths.
        """
        pattern, of_images = self._pattern(task_type, split), self._pattern("images", split)
        if self._is_json(task_type):
            annotations = self._annotations(task_type, folder, split)
            stored = _JSON_FORMATS[TASKS[task_type].label_type](
                self._classes(folder)[task_type], annotations
            )
            named = ((key, stored.label(image)) for key, image in images.items())
            labels = {key: label for key, label in named if label}
            example = annotations.names[0]
            how = "the images that it names are not these"
        else:
            files = self._find(task_type, folder, split, missing_allowed)
            if is_list(pattern):
                self._check_lengths(task_type, folder / pattern, folder / of_images)
            stored = self._format(task_type, folder)
            labels = {key: Label(stored, (folder / name,)) for key, name in files.items()}
            example = next(iter(files.values()))
            how = "a label belongs to the image whose wildcards matched the same text"
        if not labels.keys() & images.keys():
            raise ConfigError(
                f"{pattern} belongs to no image: it has {example}, and images = {of_images} has "
                f"{next(iter(images.values()))}; {how}",
                task_type,
            )
        return labels

    def _check_lengths(self, task_type: str, labels: Path, images: Path) -> None:
        counts = line_count(labels), line_count(images)
        if counts[0] != counts[1]:
            raise ConfigError(
                f"{labels} has {counts[0]} lines, and {images} has {counts[1]}; line n of the one "
                "belongs to line n of the other, `-` says that there is none",
                task_type,
            )

    def _annotations(self, task_type: str, folder: Path, split: str) -> CocoAnnotations:
        """The contents of a COCO JSON, in which the one to test on has the classes of the other."""
        path, classes = folder / self._pattern(task_type, split), self.class_names[task_type]
        if classes is None and self._pattern(task_type, "train") != self._pattern(task_type, split):
            classes = self._annotations(task_type, folder, "train").classes
        try:
            return load_annotations(path, classes)
        except DataError as reason:
            raise ConfigError(str(reason), task_type) from None

    def _parse_split(self) -> float | tuple[str, str] | None:
        words = self.split
        if not words:
            return None
        if len(words) == 2 and words[0] != words[1]:
            return words
        try:
            share = float(words[0]) if len(words) == 1 else None
        except ValueError:
            share = None
        if share is None or not 0 < share < 1:
            raise ConfigError(
                "split wants a share to test on, above 0 and below 1, or two words that stand for "
                f"{SPLIT} to train and to test, not '{' '.join(words)}'",
                "split",
            )
        return share

    def _class_names(self, task_type: str) -> tuple[str, ...] | None:
        """The names of a task's classes; None where the JSON of the labels names them."""
        if not TASKS[task_type].has_classes:
            return ()
        key = f"{task_type}_classes" if self.settings[f"{task_type}_classes"] else "classes"
        names = self.settings[key]
        if not names and self._is_json(task_type):
            return None
        if not names:
            raise ConfigError(
                f"{task_type} wants the names of its classes, as in `classes = bolt nut`", task_type
            )
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ConfigError(f"{key} names '{name}' twice", key)
        return names

    def _check_that_all_is_used(self) -> None:
        used = {"root", "images", "split"}
        for task_type in self.patterns:
            used |= {key for key in self.options if key.partition("_")[0] == task_type}
            used |= {"classes"} if TASKS[task_type].has_classes else set()
        for key, declared in self.options.items():
            if key not in used and self.settings[key] != declared.default_value():
                raise ConfigError(f"{key} is about labels that the dataset does not name", key)

    def _check_patterns(self) -> None:
        for key, pattern in {"images": self.images, **self.patterns}.items():
            if SPLIT in pattern and not isinstance(self.shares, tuple):
                raise ConfigError(f"what {SPLIT} stands for is missing: `split = train val`", key)
        if isinstance(self.shares, tuple) and SPLIT not in self.images:
            raise ConfigError(f"images = {self.images} has no {SPLIT} for these words", "split")
        for task_type in self.patterns:
            if not self._is_json(task_type):
                self._check_goes_with_images(task_type)
            elif TASKS[task_type].label_type not in _JSON_FORMATS:
                raise ConfigError(f"{task_type} is not read from a JSON", task_type)

    def _check_goes_with_images(self, task_type: str) -> None:
        pattern = self.patterns[task_type]
        if is_list(pattern) != is_list(self.images):
            raise ConfigError(
                f"{pattern} and images = {self.images}: both are lists (.txt) or none is", task_type
            )
        if is_list(pattern):
            return
        count, of_images = _wildcards(task_type, pattern), _wildcards("images", self.images)
        if count != of_images:
            raise ConfigError(
                f"wildcards in {pattern}: {count}, in images = {self.images}: {of_images}; a label "
                "belongs to the image whose wildcards matched the same text",
                task_type,
            )


def section_part() -> type[CustomDataset]:
    """The part that a section [dataset.<name>] describes: a custom dataset with an option for the
    labels of each registered task, for its classes, and for each option of its formats.

    Tasks have short names, and an option of a format that no other task has goes by its own name.
    """
    declared: dict[str, Option] = {}
    spellings: dict[str, list[str]] = {name: [name, *_aliases(name)] for name in TASKS}
    arguments = [name for task in TASKS.values() for s in _formats(task) for name in s.options]
    for task_type, task in TASKS.items():
        names = spellings[task_type]
        declared[task_type] = option(
            None, f"a pattern or a list of the labels of {task_type}", aliases=tuple(names[1:])
        )
        if task.has_classes:
            declared[f"{task_type}_classes"] = option(
                (),
                f"the classes of {task_type}, where they are not those of `classes`",
                aliases=tuple(f"{name}_classes" for name in names[1:]),
            )
        for stored in _formats(task):
            for name, argument in stored.options.items():
                aliases = [f"{spelling}_{name}" for spelling in names[1:]]
                aliases += [name] if arguments.count(name) == 1 else []
                declared[f"{task_type}_{name}"] = option(
                    None, argument.help, aliases=tuple(aliases), limits=argument.limits
                )
    return type(
        "CustomDataset",
        (CustomDataset,),
        {**declared, "__annotations__": {name: _annotation(name) for name in declared}},
    )


def _annotation(key: str) -> Any:
    """The type of a key of a section."""
    if key in TASKS:
        return str | None
    if key.endswith("_classes"):
        return tuple[str, ...]
    task_type, _, name = next(
        (t, "_", key.removeprefix(f"{t}_")) for t in TASKS if key.startswith(f"{t}_")
    )
    [declared] = [s.options[name] for s in _formats(TASKS[task_type]) if name in s.options][:1]
    return declared.item_type | None


def _aliases(task_type: str) -> Iterable[str]:
    return [alias for alias, name in TASKS.aliases.items() if name == task_type]


def _formats(task: type[Task]) -> list[type[Format]]:
    """The formats of one file an image that a task's labels may have."""
    return [stored for stored in FORMATS if stored.label_type == task.label_type]


def _wildcards(key: str, pattern: str) -> int:
    try:
        return wildcards(pattern)
    except DataError as reason:
        raise ConfigError(str(reason), key) from None


def _tested(
    images: Names, labels: Mapping[str, Mapping[Hashable, Any]], share: float
) -> set[Hashable]:
    """The images to test on: of those labelled alike a share, at least one and not all. They are
    chosen by their names, so that images that come later take hardly any other's place."""
    labelled = {key: tuple(key in of for of in labels.values()) for key in images}
    by_name = partial(sorted, key=lambda key: _digest(images[key]))
    return stratified_holdout(labelled, share, by_name)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
