"""Datasets as MTAN ships them (Liu et al., CVPR 2019): everything in .npy, a number an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Format, Label
from datasets.listing import names_in
from utils.errors import DataError

_SPLITS = {"train": "train", "test": "val"}


class MTANDataset(Dataset):
    """`<folder>/train` and `val` (the test set), each with `image/<n>.npy`, (H, W, 3) floats in
    [0, 1], and a folder for each label."""

    formats: ClassVar[Mapping[str, tuple[tuple[str, ...], Format]]]
    """By task type, the names that the folder of the labels may have, and their format."""

    def list(self, folder, split):
        part = folder / _SPLITS[split]
        names = [name for name in names_in(part / "image") if name.endswith(".npy")]
        if not names:
            raise DataError(
                f"{part / 'image'}: no .npy is there, which the images of {self.name} are"
            )
        places = {
            task_type: (next((n for n in below if (part / n).is_dir()), below[0]), stored)
            for task_type, (below, stored) in self.formats.items()
        }
        samples = [
            Sample(
                part / "image" / name,
                {
                    task_type: Label(stored, (part / below / name,))
                    for task_type, (below, stored) in places.items()
                },
            )
            for name in sorted(names, key=lambda name: (len(name), name))  # 2 comes before 10
        ]
        classes = {task_type: names for task_type, names in self.labels.items() if names}
        return Split(self.name, tuple(samples), classes, folder)
