"""Datasets, one file each, and the merger that makes one partially annotated dataset of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from datasets import coco, nyu, nyud_mt, voc
from datasets.base import Sample, Source
from utils.errors import DataError

READERS = {"VOC": voc.read, "NYU": nyu.read, "NYUD_MT": nyud_mt.read}
"""Every dataset that can be read, by its name in a cfg, which is also its folder below
`dataset_root`."""

LABELS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "VOC": voc.CLASSES,
    "NYU": {"depth": ()},
    "NYUD_MT": {"segmentation": nyud_mt.CLASSES, "depth": (), "normal": ()},
    "COCO": coco.CLASSES,
    "HME": {"detection": tuple(f"class {number}" for number in range(1, 21))},
}
"""Every dataset that a cfg may name: the kinds of labels it has, each with the names of its classes
(none for kinds without). That is enough to build a network for it."""

SPELLINGS = {**{name: name for name in LABELS}, "NYU_MT": "NYUD_MT"}
"""The names that a cfg may use, the official code's among them."""

_UNREADABLE = {
    "COCO": "there is no reader for its files here, its classes alone are known",
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
    folder = root / name
    if not folder.is_dir():
        raise DataError(
            f"the dataset {name} is not there: looked for the folder {folder} (dataset_root is "
            f"{root}); put it there, name its place by --dataset_root, or render a small one: "
            f"python3 scripts/render_scenes.py --root {root} --layout {name}"
        )
    return READERS[name](root, split)


def declared(name: str) -> Source:
    """A dataset as it is known without its files: one image without a name, with all its labels."""
    labels = LABELS[name]
    return Source(name, (Sample(Path(), dict.fromkeys(labels, Path())),), labels)
