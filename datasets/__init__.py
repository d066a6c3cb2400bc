"""Datasets, one file each, and the merger that makes one partially annotated dataset of them."""

from __future__ import annotations

from pathlib import Path

from datasets import nyu, nyud_mt, voc
from datasets.base import Source
from utils.errors import DataError

READERS = {"VOC": voc.read, "NYU": nyu.read, "NYUD_MT": nyud_mt.read}
"""Every dataset by its name in a cfg, which is also its folder below `dataset_root`."""

SPELLINGS = {**{name: name for name in READERS}, "NYU_MT": "NYUD_MT"}
"""The names that a cfg may use, the official code's among them."""


def read(name: str, root: Path, split: str) -> Source:
    """Lists the files of a dataset (a key of `READERS`); `split` is 'train' or 'test'.

    Raises:
        DataError: the dataset is not there, or files of it are missing; says what, and where.
    """
    folder = root / name
    if not folder.is_dir():
        raise DataError(
            f"the dataset {name} is not there: looked for the folder {folder} (dataset_root is "
            f"{root}); put it there, name its place by --dataset_root, or render a small one: "
            f"python3 scripts/render_scenes.py --root {root} --layout {name}"
        )
    return READERS[name](root, split)
