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

import hashlib
from collections.abc import Hashable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from datasets.base import Label, Sample, Source, require_files
from datasets.custom_section import Section
from datasets.holdout import held_out
from datasets.patterns import find, is_list, line_count
from tasks import KINDS
from tasks.coco_json import CocoAnnotations
from utils.errors import DataError

Names = Mapping[Hashable, str]
"""Files below the dataset's folder by their keys; see `datasets.patterns`."""


def read(section: Section, dataset_root: Path, split: str) -> Source:
    """Lists the files of a dataset; `split` is 'train' or 'test', and where the section says
    nothing of it, both are all images.

    Raises:
        DataError: files are missing, or labels belong to no image; names the place in the cfg.
    """
    root = _root(section, dataset_root)
    if not root.is_dir():
        raise DataError(
            f"{section.where('root')}: the dataset {section.name} is not there: no folder {root}; "
            f"`root = …` in [dataset.{section.name}] names its place"
        )
    images = _find(section, "images", root, split)
    labels = {kind: _labels(section, kind, root, split, images) for kind in section.labels}
    if isinstance(section.split, float):
        tested = _tested(images, labels, section.split)
        images = {key: name for key, name in images.items() if (key in tested) == (split == "test")}

    def path(label: str | Label) -> Label:
        return Path(root, label) if isinstance(label, str) else label

    samples = tuple(
        Sample(path(name), {kind: path(of[key]) for kind, of in labels.items() if key in of})
        for key, name in images.items()
    )
    return Source(section.name, samples, _classes(section, root), section.storage)


def declared(section: Section, dataset_root: Path) -> Source:
    """A dataset as it is known without its files: one image without a name, with all its labels.

    Raises:
        DataError: its classes stand in a COCO JSON that is not there.
    """
    classes = _classes(section, _root(section, dataset_root))
    return Source(section.name, (Sample(Path(), dict.fromkeys(classes, Path())),), classes)


def _root(section: Section, dataset_root: Path) -> Path:
    return dataset_root / Path(section.root or section.name).expanduser()


def _classes(section: Section, root: Path) -> dict[str, tuple[str, ...]]:
    """The names of the classes by kind; where a COCO JSON names them, it is the one to train on."""
    classes = {}
    for kind, names in section.classes.items():
        if names is None:
            objects = _annotations(section, kind, root, "train").classes
            names = (*(name for name in KINDS[kind].background if name not in objects), *objects)
        classes[kind] = names
    return classes


def _find(section: Section, key: str, root: Path, split: str) -> Names:
    pattern = section.pattern(key, split)
    try:
        files = find(root, pattern)
        if is_list(pattern):
            require_files([root / name for name in files.values()])
    except DataError as reason:
        raise DataError(f"{section.where(key)}: {reason}") from None
    return files


def _labels(
    section: Section, kind: str, root: Path, split: str, images: Names
) -> Mapping[Hashable, str | Label]:
    """The labels of a kind by the keys of their images; files as they are called below `root`.

    Raises:
        DataError: none belongs to an image, or lists have different lengths.
    """
    pattern, of_images = section.pattern(kind, split), section.pattern("images", split)
    if section.is_json(kind):
        annotations = _annotations(section, kind, root, split)
        named = ((key, annotations.label(image)) for key, image in images.items())
        found, example = {key: label for key, label in named if label}, annotations.names[0]
        how = "the images that it names are not these"
    else:
        found = _find(section, kind, root, split)
        if is_list(pattern):
            _check_lengths(section, kind, root / pattern, root / of_images)
        example = next(iter(found.values()))
        how = "a label belongs to the image whose wildcards matched the same text"
    if not found.keys() & images.keys():
        raise DataError(
            f"{section.where(kind)}: {pattern} belongs to no image: it has {example}, and "
            f"images = {of_images} has {next(iter(images.values()))}; {how}"
        )
    return found


def _check_lengths(section: Section, kind: str, labels: Path, images: Path) -> None:
    counts = line_count(labels), line_count(images)
    if counts[0] != counts[1]:
        raise DataError(
            f"{section.where(kind)}: {labels} has {counts[0]} lines, and {images} has {counts[1]}; "
            "line n of the one belongs to line n of the other, `-` says that there is none"
        )


def _annotations(section: Section, kind: str, root: Path, split: str) -> CocoAnnotations:
    """The contents of a COCO JSON, in which the one to test on has the classes of the other."""
    path, classes = root / section.pattern(kind, split), section.classes[kind]
    if classes is None and section.pattern(kind, "train") != section.pattern(kind, split):
        classes = _annotations(section, kind, root, "train").classes
    try:
        changed = path.stat().st_mtime_ns if path.exists() else 0
        return _loaded(path, changed, classes)
    except DataError as reason:
        raise DataError(f"{section.where(kind)}: {reason}") from None


@lru_cache(maxsize=4)
def _loaded(path: Path, changed: int, classes: tuple[str, ...] | None) -> CocoAnnotations:
    """The contents of a JSON, which takes seconds to read and serves to train and to test.
    `changed` tells apart what was in it at other times."""
    return CocoAnnotations.load(path, classes)


def _tested(
    images: Names, labels: Mapping[str, Mapping[Hashable, Any]], share: float
) -> set[Hashable]:
    """The images to test on: of those labelled alike a share, at least one and not all. They are
    chosen by their names, so that images that come later take hardly any other's place."""
    labelled = {key: tuple(key in found for found in labels.values()) for key in images}
    by_name = partial(sorted, key=lambda key: _digest(images[key]))
    return held_out(labelled, share, by_name)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
