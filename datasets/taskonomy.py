"""Taskonomy (Zamir et al., CVPR 2018): up to 4.6 million images of 537 buildings, each with a label
for every task."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from datasets.base import Dataset, Split
from datasets.formats.base import Format
from datasets.formats.normal_maps import NormalMap
from datasets.formats.text_files import read_text
from datasets.formats.value_maps import ValueMap
from datasets.listing import require_inside
from datasets.sample_index import Column, SampleIndex, Stems, names_in
from utils.errors import DataError
from utils.option import option
from utils.text import count_of

_16_BITS = 2.0**16
_OF_IMAGE = ValueMap(range=(0, 255), channels=1)
_DEPTH = ValueMap(log=True, invalid=(_16_BITS - 1,), channels=1)
FORMATS: dict[str, Format] = {
    "depth_euclidean": _DEPTH,
    "depth_zbuffer": _DEPTH,
    "edge_occlusion": ValueMap(range=(0, 0.00625 * _16_BITS), blur=4.0, channels=1),
    "edge_texture": ValueMap(range=(0, 0.08 * _16_BITS), clip=True, channels=1),
    "keypoints2d": ValueMap(range=(0, 0.005 * _16_BITS), clip=True, channels=1),
    "keypoints3d": ValueMap(range=(0, _16_BITS), channels=1),
    "normal": NormalMap(range=(0, 255)),
    # The mean of each channel ∓ its standard deviation.
    "principal_curvature": ValueMap(
        range=(123.572 - 31.922, 123.572 + 31.922, 120.1 - 21.658, 120.1 + 21.658), channels=2
    ),
    "reshading": ValueMap(range=(0, 255), channels=3),
    "segment_unsup2d": _OF_IMAGE,
    "segment_unsup25d": _OF_IMAGE,
}
"""By type: how the numbers of its PNGs, of 16 bits or 8, are its values."""

SPLITS = ("train", "val", "test")
BUILDINGS = {
    "tiny": (25, 5, 5),
    "medium": (98, 20, 20),
    "full": (344, 67, 71),
    "fullplus": (381, 75, 81),
}
"""By subset: the buildings of each split in the published lists."""
_NOT_PUBLISHED = ("woodbine",)  # which the lists name
_INCOMPLETE = {"wiconisco": ("edge_texture",)}
"""The types that were published of some of a building's images alone."""

_DOMAIN = "_domain_"


class Taskonomy(Dataset):
    """`Taskonomy/<type>/taskonomy/<building>/point_<p>_view_<v>_domain_<type>.png`; the images are
    of the type `rgb`. `Taskonomy/splits_taskonomy/train_val_test_<subset>.csv` says which buildings
    serve to train, to validate and to test.

    Labels belong to the image of the same point and view. A type whose folder is absent as a whole
    has no labels; of any other, every image must have its file.
    """

    folder = "Taskonomy"
    splits = SPLITS
    signs = ("splits_taskonomy", "rgb/taskonomy")
    labels = dict.fromkeys(FORMATS, ())

    subset: str = option(
        "tiny", "which of Taskonomy's lists of buildings", choices=tuple(BUILDINGS)
    )

    def list(self, folder, split):
        path = folder / "splits_taskonomy" / f"train_val_test_{self.subset}.csv"
        listed = read_buildings(path)[split]
        images = folder / "rgb" / "taskonomy"
        buildings = [
            name for name in listed if name not in _NOT_PUBLISHED or (images / name).is_dir()
        ]
        if not buildings:
            raise DataError(f"{path}: has no building of the split {split}")
        image = Column(images, _ending("rgb", images, buildings))
        stems = Stems.of((name, _stems(image, name, path)) for name in buildings)
        places = {task_type: folder / task_type / "taskonomy" for task_type in FORMATS}
        lacking = {name: place for name, place in places.items() if not place.is_dir()}
        columns = {
            name: (stored, Column(places[name], _ending(name, places[name], buildings)))
            for name, stored in FORMATS.items()
            if name not in lacking
        }
        if not columns:
            raise DataError(f"{folder}: has no labels: none of {', '.join(FORMATS)}")
        labelled = np.full(len(stems.ends), 2 ** len(columns) - 1, np.uint32)
        for number, (task_type, (_, column)) in enumerate(columns.items()):
            for row in _without_label(stems, task_type, column):
                labelled[row] ^= np.uint32(1 << number)
        samples = SampleIndex(stems, image, columns, labelled)
        decided = self._decided(path, split, listed)
        return Split(self.name, samples, root=folder, decided=decided, lacking=lacking)

    def _decided(self, path: Path, split: str, listed: Sequence[str]) -> dict[str, str]:
        published = BUILDINGS[self.subset][SPLITS.index(split)]
        count = f"{count_of(len(listed), 'building')} of {path.name}"
        if len(listed) != published:
            count += f", where the published list has {published}"
        absent = [name for name in listed if name in _NOT_PUBLISHED]
        return {"split": count} | ({"not published": ", ".join(absent)} if absent else {})


def read_buildings(path: Path) -> dict[str, list[str]]:
    """The buildings of each split, in the order of a list: a header, then lines of a building and
    three numbers, 1 where it serves to train, to validate and to test, else 0.

    Raises:
        DataError: the list is missing, or a line is another one; names it.
    """
    buildings: dict[str, list[str]] = {split: [] for split in SPLITS}
    lines = csv.reader(io.StringIO(read_text(path, "a list of buildings", 2**20)))
    for number, row in enumerate(lines, start=1):
        place = f"{path}:{number}"
        if number == 1 or not row:
            continue
        name, *flags = (cell.strip() for cell in row[:4])
        if not name or len(flags) != 3 or not set(flags) <= {"0", "1"}:
            raise DataError(f"{place}: has {','.join(row)!r}, a line says <building>,0|1,0|1,0|1")
        require_inside(path.parent, [name], place)
        for split, flag in zip(SPLITS, flags, strict=True):
            if flag == "1":
                buildings[split].append(name)
    return buildings


def _ending(task_type: str, folder: Path, buildings: Sequence[str]) -> str:
    """What stands in the names of a type's files after the point and the view: that of any file.
    Files of some types are called by another name of theirs."""
    for building in buildings:
        with suppress(OSError), os.scandir(folder / building) as files:
            for file in files:
                if _DOMAIN in file.name:
                    return file.name[file.name.index(_DOMAIN) :]
    return f"{_DOMAIN}{task_type}.png"


def _stems(image: Column, building: str, listed_in: Path) -> list[str]:
    """The points and views of a building, in the order of their images' names.

    Raises:
        DataError: the building has no images, or other files as well.
    """
    names = sorted(names_in(image.folder / building))
    if not names:
        raise DataError(
            f"{image.folder / building}: the folder is missing or empty; {listed_in} lists it"
        )
    for name in names:
        if not name.endswith(image.ending):
            raise DataError(
                f"{image.folder / building / name}: is not called "
                f"point_<number>_view_<number>{image.ending}, as others are"
            )
    return [name.removesuffix(image.ending) for name in names]


def _without_label(stems: Stems, task_type: str, column: Column) -> Iterator[int]:
    """The images of which no label of a type was published."""
    ends = (*stems.firsts[1:], len(stems.ends))
    for group, first, end in zip(stems.groups, stems.firsts, ends, strict=True):
        if task_type in _INCOMPLETE.get(group, ()):
            there = names_in(column.folder / group)
            yield from (row for row in range(first, end) if stems[row] + column.ending not in there)
