"""Datasets, one file each, and the merger that makes one partially annotated dataset of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from datasets import cityscapes, coco, nyu, nyud_mt, nyuv2, pascal_context, voc
from datasets.base import Sample, Source
from datasets.presence import require_dataset
from utils.errors import DataError

READERS = {
    "VOC": voc.read,
    "NYU": nyu.read,
    "NYUD_MT": nyud_mt.read,
    "NYUv2": nyuv2.read,
    "PASCAL_MT": pascal_context.read,
    "COCO": coco.read,
    "Cityscapes": cityscapes.read,
}
"""Every dataset that can be read, by its name in a cfg; its folder below `dataset_root` is called
the same, or as `presence.FOLDERS` says."""

LABELS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "VOC": voc.CLASSES,
    "NYU": {"depth": ()},
    "NYUD_MT": {"segmentation": nyud_mt.CLASSES, "depth": (), "normal": ()},
    "NYUv2": {"segmentation": nyuv2.CLASSES, "depth": (), "normal": ()},
    "PASCAL_MT": {"segmentation": pascal_context.CLASSES, "normal": ()},
    "COCO": coco.CLASSES,
    "Cityscapes": {"segmentation": cityscapes.CLASSES, "depth": ()},
    "HME": {"detection": tuple(f"class {number}" for number in range(1, 21))},
}
"""Every dataset that a cfg may name: the kinds of labels it has, each with the names of its classes
(none for kinds without). That is enough to build a network for it."""

EXPECTED: dict[str, dict[str, dict[str, int]]] = {
    "VOC": {
        "train": {"images": 15_215, "detection": 15_215, "segmentation": 10_477},
        "test": {"images": 6_401, "detection": 6_401, "segmentation": 1_449},
    },
    "NYU": {
        "train": {"images": 24_231, "depth": 24_231},
        "test": {"images": 654, "depth": 654},
    },
    "NYUD_MT": {
        "train": dict.fromkeys(("images", "segmentation", "depth", "normal"), 795),
        "test": dict.fromkeys(("images", "segmentation", "depth", "normal"), 654),
    },
    "NYUv2": {
        "train": dict.fromkeys(("images", "segmentation", "depth", "normal"), 795),
        "test": dict.fromkeys(("images", "segmentation", "depth", "normal"), 654),
    },
    "PASCAL_MT": {
        "train": dict.fromkeys(("images", "segmentation", "normal"), 4_998),
        "test": dict.fromkeys(("images", "segmentation", "normal"), 5_105),
    },
    "COCO": {
        "train": dict.fromkeys(("images", "detection", "segmentation"), 118_287),
        "test": dict.fromkeys(("images", "detection", "segmentation"), 5_000),
    },
    "Cityscapes": {
        "train": dict.fromkeys(("images", "segmentation", "depth"), 2_975),
        "test": dict.fromkeys(("images", "segmentation", "depth"), 500),
    },
}
"""How many images the whole dataset has by split, and how many of them labels of each kind. VOC's
are those of the paper's lists; our rule comes within ten of them (see `voc.read`)."""

SPELLINGS = {
    **{name: name for name in LABELS},
    "NYU_MT": "NYUD_MT",
    "PASCAL-Context": "PASCAL_MT",
}
"""The names that a cfg may use, the official code's among them."""

_UNREADABLE = {
    "HME": "it is the paper's authors' own and not public; nothing is known of it but that it has "
    "20 classes and a background",
}


def read(name: str, root: Path, split: str) -> Source:
    """Lists the files of a dataset (a key of `LABELS`); `split` is 'train' or 'test'.

    Raises:
        DataError: the dataset cannot be read or is not there, or files of it are missing; says
            what, and where.
    """
    if name not in READERS:
        raise DataError(
            f"the data of {name} are needed and cannot be had: {_UNREADABLE[name]} (--mode summary "
            f"needs no data); the datasets that can be read: {', '.join(READERS)}"
        )
    require_dataset(name, root)
    source = READERS[name](root, split)
    _refuse_swapped(source, split)
    return source


def _refuse_swapped(source: Source, split: str) -> None:
    """Lists of train and test that were taken for each other are told by their lengths."""
    other = {"train": "test", "test": "train"}[split]
    if len(source.samples) == EXPECTED[source.name][other]["images"]:
        raise DataError(
            f"{source.name} has {len(source.samples):,} images to {split} on, as many as it should "
            f"have to {other} on: are its lists of {split} and {other} swapped?"
        )


def declared(name: str) -> Source:
    """A dataset as it is known without its files: one image without a name, with all its labels."""
    labels = LABELS[name]
    return Source(name, (Sample(Path(), dict.fromkeys(labels, Path())),), labels)
